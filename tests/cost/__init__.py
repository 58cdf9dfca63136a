# SPDX-License-Identifier: Apache-2.0
"""What a frame costs in instructions, held against a budget. Never wall time."""
