# SPDX-License-Identifier: Apache-2.0
"""What a large configuration and a full connection table cost the operator: `scripts/scale`."""
