# SPDX-License-Identifier: Apache-2.0
"""Two directors that stand in for each other, one of which may be a kernel, and connections through them."""
