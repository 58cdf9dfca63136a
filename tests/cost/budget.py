# SPDX-License-Identifier: Apache-2.0
"""What a frame may cost, by its way. Lower a figure when the code gets better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BUDGET: Mapping[str, int] = MappingProxyType(
    {
        "dr: a packet of a connection": 680,
        "tun: a packet of a connection": 840,
        "nat: a packet of a connection": 920,
        "nat: a reply": 900,
        "dr: a datagram that opens a connection": 950,
        "nat: a datagram that opens a connection": 1340,
        "dr: a segment of no connection, reset": 820,
        "dr: a TTL that ran out": 530,
        "a port without a service": 325,
    }
)
"""Instructions of the C in user space, as callgrind counts them."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Instructions of eBPF, calls of helpers, and cache lines of the tables."""

    instructions: int
    calls: int
    lines: int


PROGRAM_BUDGET: Mapping[tuple[str, str], Budget] = MappingProxyType(
    {
        ("xdp", "dr: a packet of a connection"): Budget(860, 20, 10),
        ("xdp", "tun: a packet of a connection"): Budget(985, 22, 10),
        ("xdp", "nat: a packet of a connection"): Budget(1120, 20, 10),
        ("xdp", "nat: a reply"): Budget(1410, 32, 11),
        ("xdp", "dr: a datagram that opens a connection"): Budget(1250, 35, 14),
        ("xdp", "nat: a datagram that opens a connection"): Budget(1835, 39, 15),
        ("xdp", "dr: a segment of no connection, reset"): Budget(1030, 17, 7),
        ("xdp", "dr: a TTL that ran out"): Budget(1525, 29, 10),
        ("xdp", "a port without a service"): Budget(450, 14, 7),
        ("tc", "dr: a packet of a connection"): Budget(850, 19, 9),
        ("tc", "tun: a packet of a connection"): Budget(995, 20, 9),
        ("tc", "nat: a packet of a connection"): Budget(1035, 22, 9),
        ("tc", "nat: a reply"): Budget(1215, 29, 11),
        ("tc", "dr: a datagram that opens a connection"): Budget(1225, 34, 13),
        ("tc", "nat: a datagram that opens a connection"): Budget(1730, 40, 14),
        ("tc", "dr: a segment of no connection, reset"): Budget(1195, 15, 6),
        ("tc", "dr: a TTL that ran out"): Budget(1340, 29, 9),
        ("tc", "a port without a service"): Budget(425, 13, 6),
    }
)
"""By kind of program and way. A quarter above what clang 14 made, and one line."""
