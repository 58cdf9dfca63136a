# SPDX-License-Identifier: Apache-2.0
"""IPv6 frames from senders with offloads: undone checksums and super-frames, by each method."""

from __future__ import annotations

import struct

from scapy.layers.inet6 import IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import WHOLE, Case, Departure, Offload, Packet, Segmentation, Send, Want, sends
from tests.packets.frames_ipv6 import tcp, udp, undone
from tests.packets.network import INSIDE, MTU, OUTSIDE, hop, setting
from tests.packets.network_ipv6 import ONE, names, web
from tests.packets.transform_ipv6 import (
    HEADER,
    aged,
    direct,
    packet_of,
    reset_for,
    summed,
    to_hop,
    translated,
    tunnelled,
    unreachable_port,
    wrapped,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
BULK = bytes(number % 251 for number in range(4000))


def arrives(given: tuple[Packet, Offload], want: Want) -> Send:
    return Send(0, OUTSIDE, given[0], want, given[1])


def made(method: ForwardingMethod, given: tuple[Packet, Offload], whole: Packet, port: int) -> Departure:
    """What leaves: as undone as it came, but whole in a tunnel."""
    if method is TUN:
        return Departure(bytes(tunnelled(whole, ONE, ONE)), WHOLE)
    packet = (
        direct(given[0], ONE) if method is DR else translated(given[0], ONE, ONE, port, undone_checksum=True)
    )
    return Departure(bytes(packet), given[1])


def segments(frame: Packet, headers: int, size: int) -> tuple[Departure, ...]:
    """What a TCP super-frame is in a tunnel: its segments, each wrapped, cut so that they fit."""
    packet = aged(packet_of(frame))
    size = min(size, MTU - HEADER - headers)
    at = headers - 20
    starts = range(0, len(packet) - headers, size)
    pieces = []
    for start in starts:
        body = packet[headers + start : headers + start + size]
        segment = bytearray(packet[:headers] + body)
        struct.pack_into("!H", segment, 4, len(segment) - HEADER)
        struct.pack_into("!L", segment, at + 4, 1000 + start)
        if start + size < len(packet) - headers:
            segment[at + 13] &= ~9
        pieces.append(Departure(bytes(to_hop(wrapped(summed(bytes(segment)), hop(ONE), ONE), hop(ONE)))))
    return tuple(pieces)


SUPER = tcp("S", BULK)
BEHIND = tcp("S", BULK, IPv6ExtHdrDestOpt())
CASES = (
    *(
        Case(
            f"{method.value}: an undone checksum of {what}",
            setting(web(method, port=8080 if method is NAT else 80), names(method)),
            (
                arrives(
                    undone(frame),
                    sends(INSIDE, made(method, undone(frame), frame, 8080 if what == "a segment" else 53)),
                ),
            ),
        )
        for what, frame in (("a segment", tcp("S", b"hello")), ("a datagram", udp()))
        for method in (DR, TUN, NAT)
    ),
    *(
        Case(
            f"{method.value}: a super-frame leaves whole",
            setting(web(method, port=8080 if method is NAT else 80)),
            (
                arrives(
                    undone(SUPER, Segmentation.TCPV6, 1400),
                    sends(INSIDE, made(method, undone(SUPER, Segmentation.TCPV6, 1400), SUPER, 8080)),
                ),
            ),
        )
        for method in (DR, NAT)
    ),
    *(
        Case(
            f"TUN: a super-frame {what} is cut into segments of at most {size} bytes that fit the tunnel",
            setting(web(TUN)),
            (
                arrives(
                    undone(frame, Segmentation.TCPV6, size), sends(INSIDE, *segments(frame, headers, size))
                ),
            ),
        )
        for what, frame, headers in (("as it is", SUPER, 60), ("behind an extension header", BEHIND, 68))
        for size in (1000, 1440)
    ),
    Case(
        "a segment of no connection, its checksum undone, is reset",
        setting(web(DR)),
        (arrives(undone(tcp("A", b"x")), sends(OUTSIDE, reset_for(tcp("A", b"x")))),),
    ),
    Case(
        "an error about a datagram whose checksum is undone quotes it so",
        setting(names(DR, ())),
        (arrives(undone(udp()), sends(OUTSIDE, unreachable_port(Ether(bytes(undone(udp())[0]))))),),
    ),
)
