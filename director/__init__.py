# SPDX-License-Identifier: Apache-2.0
"""The Linux Virtual Server in user space: a layer-4 director."""
