# SPDX-License-Identifier: Apache-2.0
"""What a receiver makes of frames: fragments put together, tunnels taken off, TCP and UDP packets whole.

By this, forwarding each fragment as it comes can be compared with the kernel's putting together and cutting
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from tests.interop.recording import Out
from tests.packets.case import Packet

IP_IN_IP, TCP, UDP, FRAGMENT, GRE = (4, 41), 6, 17, 44, 47
GRE_CHECKSUM = 0x80
GUE_PORT = 6080  # in the exchanges
ETHERNET = 14
Delivered = tuple[int, str, bytes]  # interface, MAC and packet
Pieces = dict[tuple[str, str, int, int], list[Packet]]


@dataclass(slots=True)
class Receiver:
    """Takes frames one by one; keeps the fragments of packets that are not whole yet."""

    outer: Pieces = field(default_factory=dict)
    inner: Pieces = field(default_factory=dict)

    def packets(self, out: Iterable[Out]) -> Iterator[Delivered]:
        for interface, frame in out:
            packet = whole(read(frame[ETHERNET:]), self.outer)
            carried = b"" if packet is None else carried_by(packet)
            if carried:
                packet = whole(read(carried), self.inner)
            if packet is not None and _protocol(packet) in (TCP, UDP):
                yield interface, frame[:6].hex(":"), bytes(packet)


def read(data: bytes) -> Packet:
    return IPv6(data) if data[0] >> 4 == 6 else IP(data)


def carried_by(packet: Packet) -> bytes:
    """Return the packet in a tunnel's; nothing when it is none."""
    protocol, body = _protocol(packet), bytes(packet.payload)
    if protocol in IP_IN_IP:
        return body
    if protocol == GRE:
        return body[8:] if body[0] & GRE_CHECKSUM else body[4:]
    if protocol == UDP and int.from_bytes(body[2:4], "big") == GUE_PORT:
        return body[8 + 4 + (body[8] & 0x1F) * 4 :]
    return b""


def _protocol(packet: Packet) -> int:
    return int(packet.nh if packet.version == 6 else packet.proto)


def whole(packet: Packet, pieces: Pieces) -> Packet | None:
    """Return the packet, or what it completes, or None when parts are still to come."""
    if packet.version == 6:
        return _whole_ipv6(packet, pieces)
    if not packet.flags & 1 and not packet.frag:
        return packet
    key = (packet.src, packet.dst, packet.proto, packet.id)
    parts = sorted((*pieces.pop(key, ()), packet), key=lambda part: int(part.frag))
    body = b""
    for part in parts:
        if part.frag * 8 == len(body):
            body += bytes(part)[part.ihl * 4 : part.len]
    if len(body) != _end(parts[-1]) or parts[-1].flags & 1:
        pieces[key] = parts
        return None
    header = IP(bytes(parts[0])[: parts[0].ihl * 4])
    header.flags &= 6
    del header.len, header.chksum
    return IP(bytes(header / Raw(body)))


def _end(part: Packet) -> int:
    return int(part.frag * 8 + part.len - part.ihl * 4)


def _whole_ipv6(packet: Packet, pieces: Pieces) -> Packet | None:
    """The same of IPv6, where the fragment header comes first of all extension headers here."""
    if packet.nh != FRAGMENT:
        return packet
    header = packet[IPv6ExtHdrFragment]
    key = (packet.src, packet.dst, int(header.nh), int(header.id))
    parts = sorted((*pieces.pop(key, ()), packet), key=_offset)
    body = b""
    for part in parts:
        if _offset(part) == len(body):
            body += bytes(part[IPv6ExtHdrFragment].payload)
    last = parts[-1][IPv6ExtHdrFragment]
    if last.m or len(body) != _offset(parts[-1]) + len(bytes(last.payload)):
        pieces[key] = parts
        return None
    first = parts[0]
    made = IPv6(src=first.src, dst=first.dst, tc=first.tc, fl=first.fl, hlim=first.hlim, nh=header.nh)
    return IPv6(bytes(made / Raw(body)))


def _offset(part: Packet) -> int:
    return int(part[IPv6ExtHdrFragment].offset) * 8
