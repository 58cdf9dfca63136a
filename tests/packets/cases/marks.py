# SPDX-License-Identifier: Apache-2.0
"""Firewall marks: packets that rules pick out by address and port are one service's."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPNetwork

from director.model import ForwardingMethod, MarkRule, Protocol, ServiceKey, VirtualService
from tests.packets.case import (
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    passes,
    sends,
)
from tests.packets.frames import tcp, tcp_reply, udp
from tests.packets.network import (
    CLIENT,
    INSIDE,
    ONE,
    OUTSIDE,
    TWO,
    VIP,
    Setting,
    destination,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import direct, translated, translated_back, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
BESIDE = "192.0.2.9"  # another address of the VIP's network
EVERYTHING = MarkRule(7, IPNetwork("192.0.2.0/24"))
SECURE = MarkRule(7, IPNetwork(f"{VIP}/32"), Protocol.TCP, 443, 443)
MANY_RULES = tuple(MarkRule(7, IPNetwork(f"{VIP}/32"), None, 1000 + n, 1000 + n) for n in range(100))


def marked(*servers: str, method: ForwardingMethod = DR, port: int = 0, mark: int = 7) -> VirtualService:
    """A firewall mark's service, round robin."""
    plain = service(*(destination(server, method, port) for server in servers))
    return replace(plain, key=ServiceKey.of_mark(mark))


def goes(frame: Packet, server: str) -> Send:
    return Send(0, OUTSIDE, frame, sends(INSIDE, direct(frame, server)))


def stays(frame: Packet) -> Send:
    return Send(0, OUTSIDE, frame, passes("no_service"))


def given(*services: VirtualService, rules: tuple[MarkRule, ...]) -> Setting:
    return setting(*services, marks=rules)


CASES = (
    Case(
        "one service has all ports and protocols of a network, and every connection is scheduled",
        given(marked(ONE, TWO), rules=(EVERYTHING,)),
        (
            goes(tcp("S"), TWO),
            goes(tcp("S", dport=81), ONE),
            goes(udp(dport=9), TWO),
            goes(tcp("S", target=BESIDE), ONE),
            goes(tcp("A"), TWO),
            stays(tcp("S", target="192.0.3.1")),
        ),
    ),
    Case(
        "a rule may name protocol and ports",
        given(marked(ONE), rules=(SECURE, replace(SECURE, first_port=8000, last_port=8001))),
        (
            goes(tcp("S", dport=443), ONE),
            goes(tcp("S", dport=8000), ONE),
            goes(tcp("S", dport=8001), ONE),
            stays(tcp("S", dport=442)),
            stays(tcp("S", dport=8002)),
            stays(udp(dport=443)),
        ),
    ),
    Case(
        "the mark is asked before the address",
        given(web(DR, (ONE,)), marked(TWO), rules=(replace(EVERYTHING, first_port=80, last_port=80),)),
        (goes(tcp("S"), TWO), stays(tcp("S", dport=81))),
    ),
    Case(
        "of several rules that fit the first gives the mark",
        given(
            marked(ONE, mark=7),
            marked(TWO, mark=8),
            rules=(SECURE, replace(EVERYTHING, mark=8), replace(SECURE, mark=7, first_port=80, last_port=80)),
        ),
        (goes(tcp("S", dport=443), ONE), goes(tcp("S"), TWO)),
    ),
    Case(
        "a packet whose mark has no service is found by its address, and has no other mark",
        given(
            names(DR, (ONE,)),
            marked(TWO, mark=8),
            rules=(EVERYTHING, replace(EVERYTHING, mark=8)),
        ),
        (goes(udp(), ONE), stays(tcp("S"))),
    ),
    Case(
        "rules are found however many there are",
        given(marked(ONE), rules=MANY_RULES),
        (goes(tcp("S", dport=1000), ONE), goes(udp(dport=1099), ONE), stays(udp(dport=1100))),
    ),
    Case(
        "NAT without a port keeps the client's, and replies come from it",
        given(marked(ONE, method=NAT), rules=(EVERYTHING,)),
        (
            Send(0, OUTSIDE, tcp("S", dport=81), sends(INSIDE, translated(tcp("S", dport=81), ONE, ONE, 81))),
            Send(
                1,
                INSIDE,
                tcp_reply(ONE, "SA", sport=81),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA", sport=81), 81)),
            ),
            Listed(1, frozenset({Entry(6, f"{CLIENT}:40000", f"{VIP}:81", f"{ONE}:81", State.SYN_RECV, 60)})),
        ),
    ),
    Case(
        "NAT with a port changes every port to it",
        given(marked(ONE, method=NAT, port=8080), rules=(EVERYTHING,)),
        (
            Send(
                0, OUTSIDE, tcp("S", dport=81), sends(INSIDE, translated(tcp("S", dport=81), ONE, ONE, 8080))
            ),
            Send(
                1,
                INSIDE,
                tcp_reply(ONE, "SA", sport=8080),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA", sport=8080), 81)),
            ),
        ),
    ),
    Case(
        "the service and its destination are counted, and connections are listed as any",
        given(marked(ONE, method=TUN), rules=(EVERYTHING,)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, tunnelled(tcp("S"), ONE, ONE))),
            Listed(0, frozenset({Entry(6, f"{CLIENT}:40000", f"{VIP}:80", f"{ONE}:80", State.SYN_RECV, 60)})),
            Counted(
                "mark:7",
                f"{ONE}:0",
                Counts(1, 1, 0, 40, 0),
                DestinationCounts(Counts(1, 1, 0, 40, 0), active=1),
            ),
        ),
    ),
)
