# SPDX-License-Identifier: Apache-2.0
"""The data path's Python side, and what its C promises beyond single frames."""
