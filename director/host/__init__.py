# SPDX-License-Identifier: Apache-2.0
"""The host's network by netlink: what changes there becomes an event, what is ordered is done."""
