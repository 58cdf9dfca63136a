# SPDX-License-Identifier: Apache-2.0
"""Connection synchronisation by kernel IPVS's own protocol: what is said, and what is made of it. No I/O."""
