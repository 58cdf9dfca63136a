# SPDX-License-Identifier: Apache-2.0
"""Instructions that a frame may cost, by its way. Lower one when the code gets better."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

BUDGET: Mapping[str, int] = MappingProxyType(
    {
        "dr: a packet of a connection": 680,
        "tun: a packet of a connection": 840,
        "nat: a packet of a connection": 920,
        "nat: a reply": 880,
        "dr: a datagram that opens a connection": 950,
        "nat: a datagram that opens a connection": 1340,
        "dr: a segment of no connection, reset": 820,
        "dr: a TTL that ran out": 530,
        "a port without a service": 325,
    }
)
