# SPDX-License-Identifier: Apache-2.0
"""What a receiver makes of frames: fragments put together, tunnels taken off, TCP and UDP packets whole.

By this, forwarding each fragment as it comes can be compared with the kernel's putting together and cutting
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.interop.recording import Out
from tests.packets.case import Packet

IPIP, TCP, UDP = 4, 6, 17
Delivered = tuple[int, str, bytes]  # interface, MAC and packet
Pieces = dict[tuple[str, str, int, int], list[Packet]]


@dataclass(slots=True)
class Receiver:
    """Takes frames one by one; keeps the fragments of packets that are not whole yet."""

    outer: Pieces = field(default_factory=dict)
    inner: Pieces = field(default_factory=dict)

    def packets(self, out: Iterable[Out]) -> Iterator[Delivered]:
        for interface, frame in out:
            ethernet = Ether(frame)
            packet = whole(ethernet[IP], self.outer)
            if packet is not None and packet.proto == IPIP:
                packet = whole(IP(bytes(packet.payload)), self.inner)
            if packet is not None and packet.proto in (TCP, UDP):
                yield interface, ethernet.dst, bytes(packet)


def whole(packet: Packet, pieces: Pieces) -> Packet | None:
    """Return the packet, or what it completes, or None when parts are still to come."""
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
