# SPDX-License-Identifier: Apache-2.0
"""How much can be configured: what the table image has room for, and what its numbers can hold.

The first three follow from `director/datapath/native/table.h`; a test holds the two together.
"""

from __future__ import annotations

MAX_SERVICES = 4095
MAX_DESTINATIONS = 131071
MAX_SERVICE_DESTINATIONS = 1024
MAX_WEIGHT = 2**31 - 1
MAX_PORT = 65535
MAX_SYNCID = 255
MAX_TTL = 255
MAX_SYNC_LENGTH = 65507  # bytes that a UDP datagram can carry
MAX_MARK = 2**32 - 1
MAX_MARKS = 1024
MAX_COUNT = 2**31 - 1
MAX_TIMEOUT = 2_147_483  # seconds whose milliseconds fit in 31 bits
MAX_WORKERS = 16
MAX_CONNECTIONS = 2**26
MAX_ICMP_PER_SECOND = 1_000_000
MAX_TEXT = 32 * 2**20  # bytes of TOML or JSON; a full table takes half of it
