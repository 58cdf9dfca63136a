# SPDX-License-Identifier: Apache-2.0
"""What a frame is, as far as the guard and the comparison must know: both families, read by hand.

Knows the wire and nothing of settings.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

ETHERNET = 14
FAMILY = {b"\x08\x00": 4, b"\x86\xdd": 6}
EXTENSIONS = (0, 43, 60, 135)  # hop-by-hop, routing, destination options, mobility: 8 + 8n bytes each
FRAGMENT, AUTHENTICATION = 44, 51
ICMP, ICMPV6 = 1, 58
IPIP, IPV6, GRE, UDP = 4, 41, 47, 17
INSIDE = {b"\x08\x00": IPIP, b"\x86\xdd": IPV6}  # what GRE calls a packet inside, and IP
WITH_PORTS = (6, 17, 132)
ERRORS = {4: (3, 4, 11), 6: range(128)}  # ICMP types about a packet that IPVS looks at

Endpoint = tuple[int, str, int]  # protocol, address, port


@dataclass(frozen=True, slots=True)
class Parsed:
    """An IP packet. `offset` is a fragment's, in bytes; `more` says that fragments follow.

    `headers` are the numbers of IPv6 extension headers.
    """

    version: int
    protocol: int
    source: str
    target: str
    offset: int
    more: bool
    body: bytes
    headers: tuple[int, ...] = ()

    @property
    def is_fragment(self) -> bool:
        return self.more or self.offset > 0 or FRAGMENT in self.headers

    def has_ports(self) -> bool:
        return self.protocol in WITH_PORTS and self.offset == 0 and len(self.body) >= 4

    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Return source and target, each with the port that stands there."""
        ports = self.body[:4].ljust(4, b"\0")
        source, target = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")
        return (self.protocol, self.source, source), (self.protocol, self.target, target)

    def quoted(self) -> Parsed | None:
        """Return the packet that an ICMP error quotes."""
        wanted = ICMP if self.version == 4 else ICMPV6
        if self.protocol != wanted or self.offset or len(self.body) < 8:
            return None
        return packet(self.body[8:]) if self.body[0] in ERRORS[self.version] else None

    def tunnelled(self) -> Parsed | None:
        """Return the packet that travels in this one, by IP in IP, GRE or GUE."""
        at, number = 0, self.protocol
        if number == GRE and len(self.body) >= 4:
            at, number = (8 if self.body[0] & 0x80 else 4), INSIDE.get(self.body[2:4], 0)
        elif number == UDP and len(self.body) >= 12:
            at, number = 12 + 4 * self.body[8], self.body[9]
        inside = packet(self.body[at:]) if number in INSIDE.values() else None
        return inside if inside and inside.version == (4 if number == IPIP else 6) else None


def frame(data: bytes) -> Parsed | None:
    """Read an Ethernet frame; None when it has no IP packet whose header is whole."""
    version = FAMILY.get(data[12:ETHERNET])
    found = packet(data[ETHERNET:])
    return found if found and found.version == version else None


def packet(data: bytes) -> Parsed | None:
    if len(data) >= 20 and data[0] >> 4 == 4 and data[0] & 15 >= 5:
        return _ipv4(data)
    if len(data) >= 40 and data[0] >> 4 == 6:
        return _ipv6(data)
    return None


def _ipv4(data: bytes) -> Parsed:
    cut = int.from_bytes(data[6:8], "big")
    return Parsed(
        version=4,
        protocol=data[9],
        source=str(ipaddress.ip_address(data[12:16])),
        target=str(ipaddress.ip_address(data[16:20])),
        offset=(cut & 0x1FFF) * 8,
        more=bool(cut & 0x2000),
        body=data[(data[0] & 15) * 4 :],
    )


def _ipv6(data: bytes) -> Parsed:
    protocol, at, offset, more = data[6], 40, 0, False
    headers: tuple[int, ...] = ()
    while protocol in (*EXTENSIONS, FRAGMENT, AUTHENTICATION) and len(data) >= at + 8 and not offset:
        length = (data[at + 1] + 1) * 8
        if protocol == FRAGMENT:
            cut = int.from_bytes(data[at + 2 : at + 4], "big")
            length, offset, more = 8, cut & 0xFFF8, bool(cut & 1)
        elif protocol == AUTHENTICATION:
            length = (data[at + 1] + 2) * 4
        protocol, at, headers = data[at], at + length, (*headers, protocol)
    return Parsed(
        version=6,
        protocol=protocol,
        source=str(ipaddress.ip_address(data[8:24])),
        target=str(ipaddress.ip_address(data[24:40])),
        offset=offset,
        more=more,
        body=data[at:],
        headers=headers,
    )
