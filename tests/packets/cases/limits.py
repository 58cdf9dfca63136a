# SPDX-License-Identifier: Apache-2.0
"""Hop counts and sizes: what may go no further is answered from the VIP, never forwarded."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Case, Packet, Send, drops, own_id, sends
from tests.packets.frames import explicit, outside, tcp, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, Setting, hop, names, setting, web
from tests.packets.transform import (
    aged,
    direct,
    fragmentation_needed,
    fragments_of,
    time_exceeded,
    to_hop,
    translated,
    tunnelled,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
METHODS = (DR, TUN, NAT)
NARROW = 1000


def made(method: ForwardingMethod, frame: Packet, port: int) -> Packet:
    return {
        DR: lambda: direct(frame, ONE),
        TUN: lambda: tunnelled(frame, ONE, ONE),
        NAT: lambda: translated(frame, ONE, ONE, port),
    }[method]()


def long(length: int, **ip: Any) -> Packet:
    return udp(bytes(number % 251 for number in range(length - 28)), **ip)


def ends_here(ttl: int, method: ForwardingMethod) -> Case:
    return Case(
        f"TTL {ttl} with {method.value}: time exceeded from the VIP and nothing forwarded",
        setting(web(method), names(method)),
        (
            Send(
                0,
                OUTSIDE,
                tcp("S", ttl=ttl),
                sends(OUTSIDE, own_id(time_exceeded(tcp("S", ttl=ttl))), reason="ttl_expired"),
            ),
            Send(
                1,
                OUTSIDE,
                udp(ttl=ttl),
                sends(OUTSIDE, own_id(time_exceeded(udp(ttl=ttl))), reason="ttl_expired"),
            ),
            Send(2, OUTSIDE, udp(), sends(INSIDE, made(method, udp(), 53))),
            Send(
                3,
                OUTSIDE,
                udp(ttl=ttl),
                sends(OUTSIDE, own_id(time_exceeded(udp(ttl=ttl))), reason="ttl_expired"),
            ),
        ),
    )


def pieces(method: ForwardingMethod, length: int) -> tuple[Packet, ...]:
    """What leaves of a datagram without DF on a narrow way, without a tunnel."""
    packet = aged(long(length, flags=0)) if method is DR else made(method, long(length, flags=0), 53).payload
    return tuple(to_hop(piece, hop(ONE)) for piece in fragments_of(packet, NARROW))


def forbidding() -> tuple[Packet, Packet]:
    """Two fragments with DF (RFC 791 allows it): 700 and 828 bytes."""
    small, large = long(708, flags=0), long(1528, flags=0)
    first, last = fragments_of(small[IP], 700)[0], fragments_of(large[IP], 700)[1]
    last = IP(bytes(last)[:20]) / bytes(large[IP])[700:]
    first.flags, last.flags = "MF+DF", "DF"
    for piece in (first, last):
        del piece.chksum, piece.len
    return explicit(outside() / first), explicit(outside() / last)


FORBIDDING = forbidding()


def narrow(method: ForwardingMethod) -> Setting:
    return setting(names(method)).with_mtu(NARROW)


CASES = (
    *(ends_here(ttl, method) for ttl in (0, 1) for method in METHODS),
    *(
        Case(
            f"TTL 2 with {method.value} is forwarded with TTL 1",
            setting(web(method)),
            (
                Send(
                    0,
                    OUTSIDE,
                    tcp("S", ttl=2),
                    sends(INSIDE, made(method, tcp("S", ttl=2), 80), reason="new"),
                ),
            ),
        )
        for method in METHODS
    ),
    *(
        Case(
            f"TTL 255 with {method.value} is forwarded with TTL 254",
            setting(web(method)),
            (Send(0, OUTSIDE, tcp("S", ttl=255), sends(INSIDE, made(method, tcp("S", ttl=255), 80))),),
        )
        for method in METHODS
    ),
    *(
        Case(
            f"a packet as large as the next hop's MTU goes with {method.value}",
            narrow(method),
            (Send(0, OUTSIDE, long(NARROW), sends(INSIDE, made(method, long(NARROW), 53))),),
        )
        for method in (DR, NAT)
    ),
    *(
        Case(
            f"larger than the next hop's MTU with DF and {method.value}: fragmentation needed from the VIP",
            narrow(method),
            (
                Send(
                    0,
                    OUTSIDE,
                    long(NARROW + 1),
                    sends(OUTSIDE, own_id(fragmentation_needed(long(NARROW + 1), NARROW)), reason="too_big"),
                ),
            ),
        )
        for method in (DR, NAT)
    ),
    *(
        Case(
            f"{length} bytes without DF are fragmented for a next hop of {NARROW} with {method.value}",
            narrow(method),
            (Send(0, OUTSIDE, long(length, flags=0), sends(INSIDE, *pieces(method, length))),),
        )
        for method in (DR, NAT)
        for length in (NARROW + 1, 1500)
    ),
    Case(
        "a later fragment that is too large and may not be cut further dies silently",
        narrow(DR).with_mtu(700),
        (
            Send(0, OUTSIDE, FORBIDDING[0], sends(INSIDE, direct(FORBIDDING[0], ONE))),
            Send(1, OUTSIDE, FORBIDDING[1], drops("too_big_silent")),
        ),
    ),
    Case(
        "icmp_msgs_per_sec bounds the errors of a second",
        setting(names(DR), tunables=Tunables(icmp_msgs_per_sec=2)),
        (
            Send(0, OUTSIDE, udp(ttl=1), sends(OUTSIDE, own_id(time_exceeded(udp(ttl=1))))),
            Send(0, OUTSIDE, udp(ttl=1), sends(OUTSIDE, own_id(time_exceeded(udp(ttl=1))))),
            Send(0, OUTSIDE, udp(ttl=1), drops("icmp_limited")),
            Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), ONE))),
            Send(1100, OUTSIDE, udp(ttl=1), sends(OUTSIDE, own_id(time_exceeded(udp(ttl=1))))),
        ),
    ),
    Case(
        "icmp_msgs_per_sec 0 is no limit",
        setting(names(DR), tunables=Tunables(icmp_msgs_per_sec=0)),
        tuple(
            Send(0, OUTSIDE, udp(ttl=1), sends(OUTSIDE, own_id(time_exceeded(udp(ttl=1))))) for _ in range(60)
        ),
    ),
)
