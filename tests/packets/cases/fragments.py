# SPDX-License-Identifier: Apache-2.0
"""IPv4 fragments follow their first fragment, by each method and both ways."""

from __future__ import annotations

from collections.abc import Callable

from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Departure, Packet, Send, drops, own_id, passes, sends, stays
from tests.packets.frames import explicit, inside, ipv4, outside, tcp, udp, udp_reply
from tests.packets.network import (
    CLIENT,
    INSIDE,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    SERVERS,
    VIP,
    names,
    setting,
    web,
)
from tests.packets.transform import (
    direct,
    fragments_of,
    time_exceeded,
    translated,
    translated_back,
    tunnelled,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
BODY = bytes(number % 251 for number in range(1200))


def pieces(frame: Packet, size: int = 500, envelope: Callable[[], Packet] = outside) -> tuple[Packet, ...]:
    """Cut the packet of a frame as a router on the way would have, each piece in a frame of its own."""
    return tuple(explicit(envelope() / piece) for piece in fragments_of(frame[IP], size))


QUESTION = pieces(udp(BODY, flags=0))
SEGMENT = pieces(tcp("S", BODY, flags=0))
ANSWER = pieces(udp_reply(ONE, BODY, flags=0, id=0x7777), envelope=lambda: inside(ONE))
NO_CHECKSUM = udp(BODY, flags=0)
NO_CHECKSUM["UDP"].chksum = 0
PING = pieces(explicit(outside() / ipv4(CLIENT, VIP, flags=0) / ICMP(type=8) / Raw(BODY)))


def made(method: ForwardingMethod, frame: Packet, port: int = 53) -> Packet | Departure:
    if method is TUN:
        return own_id(tunnelled(frame, ONE, ONE))
    return direct(frame, ONE) if method is DR else translated(frame, ONE, ONE, port)


def forwarded(method: ForwardingMethod, frames: tuple[Packet, ...], port: int = 53) -> tuple[Send, ...]:
    reasons = ("new", *["fragment"] * (len(frames) - 1))
    return tuple(
        Send(at, OUTSIDE, frame, sends(INSIDE, made(method, frame, port), reason=reason))
        for at, (frame, reason) in enumerate(zip(frames, reasons, strict=True))
    )


CASES = (
    *(
        Case(
            f"the fragments of a datagram follow the first one with {method.value}",
            setting(names(method)),
            forwarded(method, QUESTION),
        )
        for method in (DR, TUN, NAT)
    ),
    *(
        Case(
            f"the fragments of a segment follow the first one with {method.value}",
            setting(web(method)),
            forwarded(method, SEGMENT, 80),
        )
        for method in (DR, TUN, NAT)
    ),
    Case(
        "the fragments of an answer follow their first one to the client",
        setting(names(NAT)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 53))),
            *(
                Send(at, INSIDE, piece, sends(OUTSIDE, translated_back(piece, 53)))
                for at, piece in enumerate(ANSWER, start=1)
            ),
        ),
    ),
    Case(
        "fragments in a connection that exists follow it, not the scheduler",
        setting(names(DR, SERVERS)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), SERVERS[3]), reason="new")),
            Send(1, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], SERVERS[3]), reason="hit")),
            Send(2, OUTSIDE, QUESTION[2], sends(INSIDE, direct(QUESTION[2], SERVERS[3]), reason="fragment")),
            Send(3, OUTSIDE, QUESTION[1], sends(INSIDE, direct(QUESTION[1], SERVERS[3]), reason="fragment")),
        ),
    ),
    Case(
        "a later fragment without its first one is not forwarded",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[1], stays("fragment_unknown")),
            Send(1, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            Send(2, OUTSIDE, QUESTION[1], sends(INSIDE, direct(QUESTION[1], ONE))),
        ),
    ),
    Case(
        "another datagram's later fragment is not taken for this one's",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            Send(1, OUTSIDE, pieces(udp(BODY, flags=0, id=0x1235))[1], stays("fragment_unknown")),
            Send(
                2,
                OUTSIDE,
                pieces(udp(BODY, flags=0, client=OTHER_CLIENT))[1],
                stays("fragment_unknown"),
            ),
            Send(3, OUTSIDE, pieces(tcp("S", BODY, flags=0))[1], stays("fragment_unknown")),
        ),
    ),
    Case(
        "fragments are forgotten after a while",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            Send(120_000, OUTSIDE, QUESTION[1], stays("fragment_unknown")),
        ),
    ),
    Case(
        "the same identification again, in another connection, follows that one",
        setting(names(DR, SERVERS[:2])),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], SERVERS[1]))),
            Send(1, OUTSIDE, QUESTION[1], sends(INSIDE, direct(QUESTION[1], SERVERS[1]))),
            *(
                Send(at, OUTSIDE, piece, sends(INSIDE, direct(piece, SERVERS[0])))
                for at, piece in enumerate(pieces(udp(BODY, flags=0, port=7)), start=2)
            ),
        ),
    ),
    Case(
        "TTL 1: the first fragment is answered, a later one dies silently",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            Send(
                1,
                OUTSIDE,
                pieces(udp(BODY, flags=0, ttl=1))[0],
                sends(OUTSIDE, own_id(time_exceeded(pieces(udp(BODY, flags=0, ttl=1))[0]))),
            ),
            Send(2, OUTSIDE, pieces(udp(BODY, flags=0, ttl=1))[1], drops("ttl_expired_silent")),
        ),
    ),
    Case(
        "a first fragment that is too short for TCP's flags is not forwarded",
        setting(web(DR)),
        (
            Send(0, OUTSIDE, pieces(tcp("S", BODY, flags=0), 28)[0], stays()),
            Send(1, OUTSIDE, pieces(tcp("S", BODY, flags=0), 28)[1], stays()),
        ),
    ),
    Case(
        "with NAT the first fragment of a datagram without a checksum keeps none: it can't be computed",
        setting(names(NAT)),
        tuple(
            Send(at, OUTSIDE, piece, sends(INSIDE, translated(piece, ONE, ONE, 53)))
            for at, piece in enumerate(pieces(NO_CHECKSUM))
        ),
    ),
    Case(
        "a fragmented ping to the VIP is the stack's, each piece of it",
        setting(web(DR)),
        tuple(Send(at, OUTSIDE, piece, passes()) for at, piece in enumerate(PING)),
    ),
    Case(
        "a first fragment to a port without a service is the stack's",
        setting(web(DR)),
        (Send(0, OUTSIDE, QUESTION[0], passes("no_service")),),
    ),
)
