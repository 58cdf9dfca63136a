# SPDX-License-Identifier: Apache-2.0
"""Frames from senders with offloads: undone checksums and super-frames, by each method."""

from __future__ import annotations

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import (
    Case,
    Departure,
    Offload,
    Packet,
    Segmentation,
    Send,
    Want,
    own_id,
    passes,
    sends,
)
from tests.packets.frames import tcp, tcp_reply, udp, udp_reply, undone
from tests.packets.network import INSIDE, MTU, ONE, OUTSIDE, hop, names, setting, web
from tests.packets.transform import (
    direct,
    fragmentation_needed,
    fragments_of,
    reset_for,
    segments_of,
    to_hop,
    translated,
    translated_back,
    tunnelled,
    unreachable_port,
    wrapped,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
BULK = bytes(number % 251 for number in range(4000))
HUGE = bytes(number % 251 for number in range(60_000))


def given(packet: Packet, *sizes: int, kind: Segmentation = Segmentation.TCPV4) -> tuple[Packet, Offload]:
    return undone(packet, kind, *sizes) if sizes else undone(packet)


def arrives(at: int, undone_frame: tuple[Packet, Offload], want: Want) -> Send:
    frame, offload = undone_frame
    return Send(at, OUTSIDE, frame, want, offload)


def whole(packet: Packet, offload: Offload) -> Departure:
    """A frame that leaves as undone as it came."""
    return Departure(bytes(packet), offload)


def dr(undone_frame: tuple[Packet, Offload]) -> Departure:
    return whole(direct(undone_frame[0], ONE), undone_frame[1])


def nat(undone_frame: tuple[Packet, Offload], port: int) -> Departure:
    return whole(translated(undone_frame[0], ONE, ONE, port, undone_checksum=True), undone_frame[1])


def through_tunnel(undone_frame: tuple[Packet, Offload]) -> tuple[Departure, ...]:
    """What a super-frame is in a tunnel: its segments, each wrapped, with whole checksums and DF's id 0.

    TCP is cut so that the segments fit the tunnel; UDP's datagrams have a size of their own.
    """
    frame, offload = undone_frame
    lowered = Ether(bytes(frame))
    lowered[IP].ttl -= 1
    size = offload.segment_size
    if frame[IP].proto == 6:
        size = min(size, MTU - 20 - (offload.header_length - 14))
    outers = (IP(bytes(wrapped(packet, hop(ONE), ONE))) for packet in segments_of(lowered, size))
    pieces = (piece for outer in outers for piece in fragments_of(outer, MTU))
    free = not frame[IP].flags & 2
    return tuple(Departure(bytes(to_hop(piece, hop(ONE))), free_id=free) for piece in pieces)


def opened(method: ForwardingMethod) -> Send:
    made = {
        DR: lambda: direct(tcp("S"), ONE),
        TUN: lambda: tunnelled(tcp("S"), ONE, ONE),
        NAT: lambda: translated(tcp("S"), ONE, ONE, 8080),
    }
    return Send(0, OUTSIDE, tcp("S"), sends(INSIDE, made[method]()))


SYN = given(tcp("S"))
LITTLE = given(tcp("PA", b"GET /\r\n\r\n"))
QUESTION = given(udp())
SUPER = given(tcp("PA", BULK), 1400)
CLOSING = given(tcp("FPAEC", BULK, id=0xFFFE), 1000)
LOOSE = given(tcp("PA", BULK, flags=0), 1400)
LARGEST = given(tcp("A", HUGE), 1440)
FULL_SIZE = given(tcp("A", BULK), 1460)
DATAGRAMS = given(udp(BULK), 1000, kind=Segmentation.UDP_L4)
FULL_DATAGRAMS = given(udp(BULK), 1472, kind=Segmentation.UDP_L4)
LOOSE_DATAGRAMS = given(udp(BULK, flags=0), 1472, kind=Segmentation.UDP_L4)
PAGE, PAGE_OFFLOAD = given(tcp_reply(ONE, "PA", BULK, sport=8080), 1448)
ANSWER, ANSWER_OFFLOAD = given(udp_reply(ONE, sport=5353))

CASES = (
    Case(
        "DR: an undone checksum is left undone",
        setting(web(DR), names(DR)),
        (
            arrives(0, SYN, sends(INSIDE, dr(SYN), reason="new")),
            arrives(1, LITTLE, sends(INSIDE, dr(LITTLE))),
            arrives(2, QUESTION, sends(INSIDE, dr(QUESTION))),
        ),
    ),
    Case(
        "NAT: an undone checksum follows the pseudo-header alone",
        setting(web(NAT, port=8080), names(NAT, port=5353)),
        (
            arrives(0, SYN, sends(INSIDE, nat(SYN, 8080))),
            arrives(1, LITTLE, sends(INSIDE, nat(LITTLE, 8080))),
            arrives(2, QUESTION, sends(INSIDE, nat(QUESTION, 5353))),
            Send(
                3,
                INSIDE,
                ANSWER,
                sends(OUTSIDE, whole(translated_back(ANSWER, 53, undone_checksum=True), ANSWER_OFFLOAD)),
                ANSWER_OFFLOAD,
            ),
        ),
    ),
    Case(
        "TUN: an undone checksum is right at the end of the tunnel",
        setting(web(TUN), names(TUN)),
        (
            arrives(0, SYN, sends(INSIDE, tunnelled(tcp("S"), ONE, ONE))),
            arrives(1, LITTLE, sends(INSIDE, tunnelled(tcp("PA", b"GET /\r\n\r\n"), ONE, ONE))),
            arrives(2, QUESTION, sends(INSIDE, tunnelled(udp(), ONE, ONE))),
        ),
    ),
    *(
        Case(
            f"DR: a super-frame of {name} stays whole",
            setting(web(DR), names(DR)),
            (opened(DR), arrives(1, frame, sends(INSIDE, dr(frame)))),
        )
        for name, frame in (
            ("TCP", SUPER),
            ("TCP with FIN", CLOSING),
            ("TCP, 60 kB", LARGEST),
            ("UDP", DATAGRAMS),
            ("TCP with full segments", FULL_SIZE),
            ("TCP without DF", LOOSE),
        )
    ),
    *(
        Case(
            f"NAT: a super-frame of {name} stays whole",
            setting(web(NAT, port=8080), names(NAT, port=5353)),
            (opened(NAT), arrives(1, frame, sends(INSIDE, nat(frame, port)))),
        )
        for name, frame, port in (
            ("TCP", SUPER, 8080),
            ("TCP with FIN", CLOSING, 8080),
            ("TCP, 60 kB", LARGEST, 8080),
            ("UDP", DATAGRAMS, 5353),
        )
    ),
    *(
        Case(
            f"{method.name}: TCP's super-frame whose segments do not fit the next hop is answered",
            setting(web(method, port=port)).with_mtu(1400),
            (
                opened(method),
                arrives(
                    1,
                    FULL_SIZE,
                    sends(OUTSIDE, own_id(fragmentation_needed(FULL_SIZE[0], 1400)), reason="too_big"),
                ),
            ),
        )
        for method, port in ((DR, 80), (NAT, 8080))
    ),
    Case(
        "NAT: a reply's super-frame stays whole",
        setting(web(NAT, port=8080)),
        (
            opened(NAT),
            Send(
                1,
                INSIDE,
                PAGE,
                sends(OUTSIDE, whole(translated_back(PAGE, 80, undone_checksum=True), PAGE_OFFLOAD)),
                PAGE_OFFLOAD,
            ),
        ),
    ),
    *(
        Case(
            f"TUN: a super-frame of {name} is cut into segments with whole checksums",
            setting(web(TUN), names(TUN)),
            (opened(TUN), arrives(1, frame, sends(INSIDE, *through_tunnel(frame)))),
        )
        for name, frame in (
            ("TCP", SUPER),
            ("TCP with FIN, PSH and CWR, ids that wrap", CLOSING),
            ("TCP without DF", LOOSE),
            ("TCP, 60 kB", LARGEST),
            ("TCP whose segments would not fit the tunnel", FULL_SIZE),
            ("UDP", DATAGRAMS),
            ("UDP without DF whose datagrams do not fit the tunnel", LOOSE_DATAGRAMS),
        )
    ),
    Case(
        "TUN: UDP's super-frame with DF whose datagrams do not fit the tunnel is answered",
        setting(names(TUN)),
        (
            arrives(
                0,
                FULL_DATAGRAMS,
                sends(OUTSIDE, own_id(fragmentation_needed(FULL_DATAGRAMS[0], 1480)), reason="too_big"),
            ),
        ),
    ),
    Case(
        "a frame that is left to the stack is left alone",
        setting(web(DR)),
        (arrives(0, QUESTION, passes("no_service")),),
    ),
    Case(
        "answers to undone frames have whole checksums of their own",
        setting(web(DR, ()), names(DR, ())),
        (
            arrives(0, LITTLE, sends(OUTSIDE, reset_for(tcp("PA", b"GET /\r\n\r\n")))),
            arrives(1, QUESTION, sends(OUTSIDE, own_id(unreachable_port(QUESTION[0])))),
            arrives(2, SYN, sends(OUTSIDE, own_id(unreachable_port(SYN[0])))),
        ),
    ),
)
