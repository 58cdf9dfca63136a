# SPDX-License-Identifier: Apache-2.0
"""This room's own exchanges: products of what the packet table asks one by one."""
