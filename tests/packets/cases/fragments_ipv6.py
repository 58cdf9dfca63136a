# SPDX-License-Identifier: Apache-2.0
"""IPv6 fragments follow their first one; nobody on the way makes any."""

from __future__ import annotations

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import Case, Packet, Send, drops, passes, sends, stays
from tests.packets.frames_ipv6 import tcp, udp, udp_reply
from tests.packets.network import INSIDE, OUTSIDE, setting
from tests.packets.network_ipv6 import ONE, OTHER_CLIENT, SERVERS, names, web
from tests.packets.transform_ipv6 import (
    direct,
    fragments_of,
    time_exceeded,
    too_big,
    translated,
    translated_back,
    tunnelled,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
BODY = bytes(number % 251 for number in range(3000))
QUESTION = fragments_of(udp(BODY), 1300)
SEGMENT = fragments_of(tcp("S", BODY), 1300)
EXTENDED = fragments_of(udp(BODY, IPv6ExtHdrDestOpt()), 1300)
ANSWER = fragments_of(udp_reply(ONE, BODY), 1300, 0x77777777)
NO_CHECKSUM = udp(BODY)
NO_CHECKSUM[UDP].chksum = 0


def made(method: ForwardingMethod, frame: Packet, port: int) -> Packet:
    if method is TUN:
        return tunnelled(frame, ONE, ONE)
    return direct(frame, ONE) if method is DR else translated(frame, ONE, ONE, port)


def forwarded(method: ForwardingMethod, frames: tuple[Packet, ...], port: int = 53) -> tuple[Send, ...]:
    reasons = ("new", *["fragment"] * (len(frames) - 1))
    return tuple(
        Send(at, OUTSIDE, frame, sends(INSIDE, made(method, frame, port), reason=reason))
        for at, (frame, reason) in enumerate(zip(frames, reasons, strict=True))
    )


def with_hop_limit(frame: Packet, limit: int) -> Packet:
    raw = bytearray(bytes(frame))
    raw[21] = limit
    return Ether(bytes(raw))


CASES = (
    *(
        Case(
            f"the fragments of {what} follow the first one with {method.value}",
            setting(names(method), web(method)),
            forwarded(method, frames, port),
        )
        for what, frames, port in (
            ("a datagram", QUESTION, 53),
            ("a segment", SEGMENT, 80),
            ("a datagram behind an extension header that only the first has", EXTENDED, 53),
            ("a datagram without a checksum", fragments_of(NO_CHECKSUM, 1300), 53),
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
        "fragments in a connection that exists follow it, in any order after the first",
        setting(names(DR, SERVERS)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), SERVERS[3]), reason="new")),
            Send(1, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], SERVERS[3]), reason="hit")),
            Send(2, OUTSIDE, QUESTION[2], sends(INSIDE, direct(QUESTION[2], SERVERS[3]), reason="fragment")),
            Send(3, OUTSIDE, QUESTION[1], sends(INSIDE, direct(QUESTION[1], SERVERS[3]), reason="fragment")),
        ),
    ),
    Case(
        "another datagram's later fragment is not taken for this one's: all 32 bits of its number count",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            *(
                Send(at, OUTSIDE, fragments_of(udp(BODY), 1300, number)[1], stays("fragment_unknown"))
                for at, number in enumerate((0x12345679, 0x02345678, 0x12355678), start=1)
            ),
            Send(
                9, OUTSIDE, fragments_of(udp(BODY, client=OTHER_CLIENT), 1300)[1], stays("fragment_unknown")
            ),
        ),
    ),
    Case(
        "hop limit 1: the first fragment is answered, a later one dies silently",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, QUESTION[0], sends(INSIDE, direct(QUESTION[0], ONE))),
            Send(
                1,
                OUTSIDE,
                with_hop_limit(QUESTION[0], 1),
                sends(OUTSIDE, time_exceeded(with_hop_limit(QUESTION[0], 1))),
            ),
            Send(2, OUTSIDE, with_hop_limit(QUESTION[1], 1), drops("ttl_expired_silent")),
        ),
    ),
    Case(
        "the first fragment is too big for a tunnel and says so; a later one does not",
        setting(names(TUN)).with_mtu(1330),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, tunnelled(udp(), ONE, ONE))),
            Send(1, OUTSIDE, QUESTION[0], sends(OUTSIDE, too_big(QUESTION[0], 1290))),
            Send(2, OUTSIDE, QUESTION[1], drops("too_big_silent")),
        ),
    ),
    Case(
        "a first fragment to a port without a service is the stack's",
        setting(web(DR)),
        (Send(0, OUTSIDE, QUESTION[0], passes("no_service")),),
    ),
)
