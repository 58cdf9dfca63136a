# SPDX-License-Identifier: Apache-2.0
"""What the real ipvsadm answers to command lines, good and bad, and that ours answers the same."""
