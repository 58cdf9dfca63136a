# SPDX-License-Identifier: Apache-2.0
"""Judge a host: what is wrong with it for a director, what that means, and what mends it. Pure."""
