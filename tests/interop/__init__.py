# SPDX-License-Identifier: Apache-2.0
"""The real kernel's IPVS as the oracle: the same frames through it and through us, byte for byte."""
