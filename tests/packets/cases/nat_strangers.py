# SPDX-License-Identifier: Apache-2.0
"""nat_icmp_send: what a NAT server sends that belongs to no connection is answered with port unreachable."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod, ServiceKey, Tunables, VirtualService
from tests.packets.case import Apply, Case, Packet, Send, drops, own_id, passes, sends
from tests.packets.frames import Chunk, inside, ipv4, sctp_reply, tcp, tcp_reply, udp_reply
from tests.packets.network import (
    DIRECTOR,
    INSIDE,
    ONE,
    OUTSIDE,
    SERVERS,
    TWO,
    VIP,
    Setting,
    calls,
    destination,
    names,
    setting,
    web,
)
from tests.packets.transform import aged, time_exceeded, translated, translated_back, unreachable_port

DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT
ON = Tunables(nat_icmp_send=1)


def on(*services: VirtualService) -> Setting:
    return setting(*services, tunables=ON)


def told(frame: Packet, at: int = 0) -> Send:
    """The kernel routes the packet before it looks at it: the quote has one hop less."""
    wanted = own_id(unreachable_port(Ether(src=frame.src, dst=frame.dst) / aged(frame), source=DIRECTOR))
    return Send(at, INSIDE, frame, sends(INSIDE, wanted, reason="no_connection"))


def untold(frame: Packet) -> Send:
    return Send(0, INSIDE, frame, passes("no_service"))


SYN_ACK = tcp_reply(ONE, "SA", sport=8080)
TO_SERVICE = Ether(bytes(inside(ONE) / ipv4(ONE, VIP) / TCP(sport=8080, dport=80, flags="S")))
LAST_HOP = tcp_reply(ONE, "SA", sport=8080, ttl=1)
MARKED = VirtualService(ServiceKey.of_mark(7), destinations=(destination(ONE, NAT, 8080),))

CASES = (
    Case(
        "a NAT server's segment of no connection is answered, but for resets",
        on(web(NAT, port=8080)),
        (
            *(told(tcp_reply(ONE, flags, sport=8080)) for flags in ("S", "SA", "A", "FA", "")),
            *(untold(tcp_reply(ONE, flags, sport=8080)) for flags in ("R", "RA")),
        ),
    ),
    Case(
        "other ports, other addresses and other protocols are nobody's server",
        on(web(NAT, port=8080), names(DR, (TWO,), port=53)),
        (
            untold(tcp_reply(ONE, "A", sport=8081)),
            untold(tcp_reply(TWO, "A", sport=8080)),
            untold(udp_reply(ONE, sport=8080)),
            untold(udp_reply(TWO, sport=53)),
        ),
    ),
    Case(
        "a server that has a connection is told of others only",
        on(web(NAT, port=8080)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 8080))),
            Send(1, INSIDE, SYN_ACK, sends(OUTSIDE, translated_back(SYN_ACK, 80), reason="reply")),
            told(tcp_reply(ONE, "SA", sport=8080, port=40001), 2),
        ),
    ),
    Case(
        "datagrams are answered, and SCTP but for ABORT",
        on(names(NAT, port=5353), calls(NAT, port=9001)),
        (
            told(udp_reply(ONE, sport=5353)),
            told(sctp_reply(ONE, Chunk.DATA, sport=9001)),
            told(sctp_reply(ONE, Chunk.SHUTDOWN_COMPLETE, sport=9001)),
            untold(sctp_reply(ONE, Chunk.ABORT, sport=9001)),
        ),
    ),
    Case(
        "what goes to a service is answered by the VIP, before it can be scheduled",
        on(web(NAT, port=8080)),
        (
            Send(
                0,
                INSIDE,
                TO_SERVICE,
                sends(INSIDE, own_id(unreachable_port(TO_SERVICE)), reason="no_connection"),
            ),
        ),
    ),
    Case(
        "what goes to the director's own address is the host's",
        on(web(NAT, port=8080)),
        (untold(Ether(bytes(inside(ONE) / ipv4(ONE, DIRECTOR) / TCP(sport=8080, dport=40000, flags="SA")))),),
    ),
    Case(
        "with no hop left it is told that instead",
        on(web(NAT, port=8080)),
        (
            Send(
                0,
                INSIDE,
                LAST_HOP,
                sends(INSIDE, own_id(time_exceeded(LAST_HOP, source=DIRECTOR)), reason="ttl_expired"),
            ),
        ),
    ),
    Case(
        "where the way to the server is not known, it is told nothing",
        replace(on(web(NAT, port=8080)), hops=MappingProxyType({})),
        (
            Send(0, INSIDE, SYN_ACK, drops("dest_unresolved")),
            Send(1, INSIDE, LAST_HOP, drops("ttl_expired_silent")),
        ),
    ),
    Case(
        "what claims to come from where it goes is told nothing",
        on(web(NAT, port=8080)),
        (untold(Ether(bytes(inside(ONE) / ipv4(ONE, ONE) / TCP(sport=8080, dport=40000, flags="A")))),),
    ),
    Case(
        "a server of a firewall mark is told for any protocol",
        on(MARKED),
        (told(tcp_reply(ONE, "A", sport=8080)), told(udp_reply(ONE, sport=8080))),
    ),
    Case(
        "each of many servers is told, and none any more once it is switched off",
        on(web(NAT, SERVERS, port=8080), names(NAT, SERVERS, port=5353)),
        (
            *(told(tcp_reply(server, "A", sport=8080)) for server in SERVERS),
            *(told(udp_reply(server, sport=5353)) for server in SERVERS),
            Apply(setting(web(NAT, SERVERS, port=8080))),
            untold(tcp_reply(ONE, "A", sport=8080)),
        ),
    ),
    Case(
        "a server that is deleted, or whose service is, is told no more",
        on(web(NAT, (ONE, TWO), port=8080)),
        (
            Apply(on(web(NAT, (ONE,), port=8080))),
            untold(tcp_reply(TWO, "A", sport=8080)),
            told(tcp_reply(ONE, "A", sport=8080)),
            Apply(on()),
            untold(tcp_reply(ONE, "A", sport=8080)),
        ),
    ),
)
