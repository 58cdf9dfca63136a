# SPDX-License-Identifier: Apache-2.0
"""The packet table: what goes in, what must come out, frame for frame, whichever host carries the code."""
