# SPDX-License-Identifier: Apache-2.0
"""A service that was deleted, while connections refer to its servers: theirs vanish, others are refused."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPNetwork

from director.model import ForwardingMethod, MarkRule, Persistence, Protocol, ServiceKey, Tunables
from tests.packets.case import Apply, Case, Packet, Send, Step, drops, own_id, sends
from tests.packets.frames import Chunk, sctp, tcp, tcp_reply, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, TWO, calls, destination, names, service, setting, web
from tests.packets.transform import (
    direct,
    reset_for,
    translated,
    translated_back,
    unreachable_port,
    unreachable_protocol,
)

DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT
BESIDE = service(destination(TWO, port=8080), port=8080)
FTP = service(destination(ONE, port=21), port=21)
EVERY_PORT = replace(service(destination(TWO, port=0), port=0), persistence=Persistence(50))
RULE = MarkRule(7, IPNetwork("192.0.2.0/24"), Protocol.TCP, 80, 81)
MARKED = replace(service(destination(ONE, port=0)), key=ServiceKey.of_mark(7))


def goes(at: int, frame: Packet, server: str) -> Send:
    return Send(at, OUTSIDE, frame, sends(INSIDE, direct(frame, server)))


def vanishes(at: int, frame: Packet) -> Send:
    return Send(at, OUTSIDE, frame, drops("dest_removed"))


def is_reset(at: int, frame: Packet) -> Send:
    return Send(at, OUTSIDE, frame, sends(OUTSIDE, reset_for(frame), reason="rst_sent"))


OPEN: tuple[Step, ...] = (goes(0, tcp("S"), ONE), goes(1, tcp("A"), ONE))

CASES = (
    Case(
        "TCP: packets of its connections vanish, and others are reset",
        setting(web(DR), BESIDE),
        (
            *OPEN,
            Apply(setting(BESIDE)),
            vanishes(2, tcp("A")),
            is_reset(3, tcp("S", port=1)),
            is_reset(4, tcp("A", port=1)),
            Send(5, OUTSIDE, tcp("R", port=1), drops("rst_unknown")),
            goes(6, tcp("S", dport=8080), TWO),
        ),
    ),
    Case(
        "its connections go on when it is added again",
        setting(web(DR), BESIDE),
        (
            *OPEN,
            Apply(setting(BESIDE)),
            vanishes(2, tcp("A")),
            Apply(setting(web(DR), BESIDE)),
            goes(3, tcp("A"), ONE),
            goes(4, tcp("S", port=1), ONE),
        ),
    ),
    Case(
        "its connections end where expire_nodest_conn says so",
        setting(web(DR), BESIDE, tunables=Tunables(expire_nodest_conn=1)),
        (
            *OPEN,
            Apply(setting(BESIDE, tunables=Tunables(expire_nodest_conn=1))),
            is_reset(2, tcp("A")),
        ),
    ),
    Case(
        "UDP: datagrams of nobody's find no port",
        setting(names(DR), BESIDE),
        (
            goes(0, udp(), ONE),
            Apply(setting(BESIDE)),
            vanishes(1, udp()),
            Send(
                2,
                OUTSIDE,
                udp(port=1),
                sends(OUTSIDE, own_id(unreachable_port(udp(port=1))), reason="no_dest"),
            ),
        ),
    ),
    Case(
        "SCTP: packets of nobody's find no protocol",
        setting(calls(DR), BESIDE),
        (
            goes(0, sctp(Chunk.INIT), ONE),
            Apply(setting(BESIDE)),
            vanishes(1, sctp(Chunk.COOKIE_ECHO)),
            Send(
                2,
                OUTSIDE,
                sctp(Chunk.INIT, port=1),
                sends(
                    OUTSIDE, own_id(unreachable_protocol(sctp(Chunk.INIT, port=1))), reason="no_association"
                ),
            ),
        ),
    ),
    Case(
        "NAT: its servers' replies are translated on, and what they send besides is kept",
        setting(web(NAT), BESIDE),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Apply(setting(BESIDE)),
            Send(1, INSIDE, tcp_reply(ONE, "SA"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA"), 80))),
        ),
    ),
    Case(
        "the one of port 0 beside it has its new connections",
        setting(web(DR), EVERY_PORT),
        (
            *OPEN,
            Apply(setting(EVERY_PORT)),
            vanishes(2, tcp("A")),
            goes(3, tcp("S", port=1), TWO),
        ),
    ),
    Case(
        "of port 0 itself: packets of its connections vanish, and others are reset",
        setting(EVERY_PORT, BESIDE),
        (
            goes(0, tcp("S", dport=9), TWO),
            Apply(setting(BESIDE)),
            vanishes(1, tcp("A", dport=9)),
            is_reset(2, tcp("S", dport=10)),
            goes(3, tcp("S", dport=8080), TWO),
        ),
    ),
    Case(
        "a service of FTP beside it, which is not persistent, has none of its ports",
        setting(FTP, BESIDE),
        (
            goes(0, tcp("S", dport=8080), TWO),
            Apply(setting(FTP)),
            vanishes(1, tcp("A", dport=8080)),
            is_reset(2, tcp("S", dport=8080, port=1)),
            goes(3, tcp("S", dport=21), ONE),
        ),
    ),
    Case(
        "of a mark: the address's service has what the rule picks out, and the rest is reset",
        setting(MARKED, BESIDE, marks=(RULE,)),
        (
            *OPEN,
            goes(2, tcp("S", dport=81), ONE),
            Apply(setting(web(DR, (TWO,)), BESIDE, marks=(RULE,))),
            vanishes(3, tcp("A")),
            vanishes(4, tcp("A", dport=81)),
            goes(5, tcp("S", port=1), TWO),
            is_reset(6, tcp("S", port=1, dport=81)),
        ),
    ),
)
