# SPDX-License-Identifier: Apache-2.0
"""What a real kernel's synchronisation daemons say, and what they make of what we say."""
