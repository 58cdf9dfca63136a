# SPDX-License-Identifier: Apache-2.0
"""The packet code under AddressSanitizer and UndefinedBehaviorSanitizer, as programs of their own."""
