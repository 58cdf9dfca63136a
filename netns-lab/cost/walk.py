# SPDX-License-Identifier: Apache-2.0
"""The frames of a walk over many flows, and how walk.h is told of them. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import gcd

from netaddr import EUI, IPAddress

FRAME = 64
ETHERNET, IP, UDP = 14, 20, 8
PAYLOAD = bytes(range(FRAME - ETHERNET - IP - UDP))
NOBODY = IPAddress(0)  # stands for the client, which the program writes
GOLDEN = 0.618
STATE = "=64s6I"
DONT_FRAGMENT = 0x4000
PROTOCOL_UDP = 17
CLIENTS = 1 << 17  # addresses in the clients' network; then the next port of each
FIRST_CLIENT, FIRST_PORT = int(IPAddress("198.18.0.0")), 1024


@dataclass(frozen=True, slots=True)
class Ends:
    """Who sends to whom. The end that is the client has neither address nor port."""

    source: IPAddress
    source_port: int
    destination: IPAddress
    destination_port: int

    @property
    def to_client(self) -> bool:
        return self.destination == NOBODY


@dataclass(frozen=True, slots=True)
class Hop:
    """The MACs that a frame comes with."""

    destination: EUI
    source: EUI


def step(flows: int) -> int:
    """Return a step that visits every flow before it visits one again, and neighbours late."""
    start = max(1, int(flows * GOLDEN))
    return next(one for one in range(start, start + flows) if gcd(one, flows) == 1)


def client(flow: int) -> tuple[IPAddress, int]:
    """Return the address and the port of the client of a flow, as walk.h writes them."""
    return IPAddress(FIRST_CLIENT + flow % CLIENTS), FIRST_PORT + flow // CLIENTS


def state(flows: int, ends: Ends, hop: Hop) -> bytes:
    """Return a `struct cost_walk` at its beginning."""
    length = UDP + len(PAYLOAD)
    addresses = ends.source.packed + ends.destination.packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0, IP + length, 0, DONT_FRAGMENT, 64, PROTOCOL_UDP, 0) + addresses
    udp = struct.pack("!HHHH", ends.source_port, ends.destination_port, length, 0) + PAYLOAD
    frame = hop.destination.packed + hop.source.packed + b"\x08\x00" + ip + udp
    udp_sum = words(addresses + struct.pack("!HH", PROTOCOL_UDP, length) + udp)
    return struct.pack(STATE, frame, flows, step(flows), 0, ends.to_client, words(ip), udp_sum)


def words(of: bytes) -> int:
    """Add up 16-bit words as they stand in memory: a checksum does not mind the order of bytes (RFC 1071)."""
    return sum(struct.unpack(f"={len(of) // 2}H", of))
