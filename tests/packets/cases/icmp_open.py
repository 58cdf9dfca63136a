# SPDX-License-Identifier: Apache-2.0
"""schedule_icmp: an ICMP error about no connection opens one for the packet that it quotes."""

from __future__ import annotations

from dataclasses import replace

from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Raw

from director.model import ForwardingMethod, Persistence, Tunables, VirtualService
from tests.packets.case import (
    Apply,
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    drops,
    own_id,
    passes,
    sends,
)
from tests.packets.cases.icmp import ERRORS, SPOILT, about, answer, page, requoted, translated_error
from tests.packets.frames import Chunk, association, ipv4, tcp, tcp_reply
from tests.packets.network import (
    CLIENT,
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
    service,
    setting,
    web,
)
from tests.packets.transform import direct, translated_back, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
ON = Tunables(schedule_icmp=1)
ERROR = about(page(VIP, 80), ERRORS[0])
CHUNKS = IP(bytes(ipv4(VIP, CLIENT, proto=132) / Raw(association(9000, 40000, Chunk.DATA))))
DATA_PORT = IP(bytes(ipv4(VIP, CLIENT) / TCP(sport=80, dport=20, flags="A")))


def on(*services: VirtualService) -> Setting:
    return setting(*services, tunables=ON)


def opened(
    server: str, port: int = 80, *, state: State = State.NONE, protocol: int = 6, virtual: int = 80
) -> Entry:
    return Entry(protocol, f"{CLIENT}:40000", f"{VIP}:{virtual}", f"{server}:{port}", state, 3)


def goes(at: int, error: Packet, server: str = TWO) -> Send:
    return Send(at, OUTSIDE, error, sends(INSIDE, direct(error, server), reason="icmp_related"))


def listed(*entries: Entry) -> Listed:
    return Listed(0, frozenset(entries))


def once(*servers: str) -> VirtualService:
    return replace(names(DR, servers), one_packet=True)


SYN = tcp("S", port=40000)
SYN_ACK = tcp_reply(ONE, "SA", sport=8080, port=40000)

CASES = (
    Case(
        "an error about no connection is scheduled by what it quotes, and opens one that lives three seconds",
        on(web(DR, SERVERS[:2])),
        (
            goes(0, ERROR),
            listed(opened(TWO)),
            Counted(
                f"tcp:{VIP}:80",
                f"{TWO}:80",
                Counts(1, 1, 0, len(ERROR[IP]), 0),
                DestinationCounts(Counts(1, 1, 0, len(ERROR[IP]), 0), active=0, inactive=1),
            ),
            goes(1, about(page(VIP, 80), ERRORS[3])),
            Send(2, OUTSIDE, SYN, sends(INSIDE, direct(SYN, TWO), reason="hit")),
            listed(replace(opened(TWO), state=State.SYN_RECV, expires=60)),
        ),
    ),
    Case(
        "what an error opened is gone after three seconds, and another error is scheduled anew",
        on(web(DR, SERVERS[:2])),
        (goes(0, ERROR), Listed(3500, frozenset()), goes(3500, ERROR, ONE)),
    ),
    Case(
        "by NAT it reaches the server as about its own packet, and the server's answer finds its way back",
        on(web(NAT, port=8080)),
        (
            Send(
                0,
                OUTSIDE,
                ERROR,
                sends(
                    INSIDE,
                    translated_error(ERRORS[0], requoted(page(VIP, 80), src=ONE, sport=8080)),
                    reason="icmp_related",
                ),
            ),
            listed(opened(ONE, 8080)),
            Send(1, INSIDE, SYN_ACK, sends(OUTSIDE, translated_back(SYN_ACK, 80), reason="reply")),
        ),
    ),
    Case(
        "a tunnel takes it",
        on(web(TUN)),
        (
            Send(
                0,
                OUTSIDE,
                ERROR,
                sends(INSIDE, own_id(tunnelled(ERROR, ONE, ONE)), reason="icmp_related"),
            ),
            listed(opened(ONE)),
        ),
    ),
    Case(
        "an error about a datagram opens, too",
        on(names(DR)),
        (
            goes(0, about(answer(VIP, 53), ERRORS[0]), ONE),
            listed(opened(ONE, 53, state=State.UDP, protocol=17, virtual=53)),
        ),
    ),
    Case(
        "an error about SCTP opens, too",
        on(calls(DR)),
        (
            goes(0, about(CHUNKS, ERRORS[0]), ONE),
            listed(opened(ONE, 9000, protocol=132, virtual=9000)),
        ),
    ),
    Case(
        "one-packet scheduling gives each error a server of its own and remembers nothing",
        on(once(ONE, TWO)),
        (
            goes(0, about(answer(VIP, 53), ERRORS[0]), TWO),
            goes(1, about(answer(VIP, 53), ERRORS[0]), ONE),
            listed(),
        ),
    ),
    Case(
        "a persistent service's error opens a template as well",
        on(replace(web(DR), persistence=Persistence(50))),
        (
            goes(0, ERROR, ONE),
            listed(
                opened(ONE),
                Entry(6, f"{CLIENT}:0", f"{VIP}:80", f"{ONE}:80", State.NONE, 50),
            ),
        ),
    ),
    Case(
        "where no destination can take it, no error answers the error",
        on(service(destination(ONE, DR, weight=0))),
        (Send(0, OUTSIDE, ERROR, drops("icmp_no_dest")), listed()),
    ),
    Case(
        "an error with a wrong checksum opens a connection, but goes no further",
        on(web(DR)),
        (Send(0, OUTSIDE, SPOILT, drops("bad_checksum")), listed(opened(ONE))),
    ),
    Case(
        "an error about what no service sent stays the stack's, and so does one about FTP's data port",
        on(web(DR)),
        (
            Send(0, OUTSIDE, about(page(VIP, 81), ERRORS[0]), passes("icmp_unrelated")),
            Send(1, OUTSIDE, about(DATA_PORT, ERRORS[0]), passes("icmp_unrelated")),
            Send(2, OUTSIDE, about(page(VIP, 80, frag=100), ERRORS[0]), passes("icmp_unrelated")),
            Send(3, OUTSIDE, about(page(VIP, 80), ERRORS[0], source="127.0.0.1"), passes("icmp_unrelated")),
            listed(),
        ),
    ),
    Case(
        "an error about a service that was deleted opens nothing any more",
        on(web(DR)),
        (
            goes(0, ERROR, ONE),
            Apply(on()),
            Send(3500, OUTSIDE, ERROR, passes("icmp_unrelated")),
            Listed(3500, frozenset()),
        ),
    ),
    Case(
        "under drop_packet it has its turn like any packet that opens a connection",
        setting(names(DR), tunables=Tunables(schedule_icmp=1, drop_packet=3, am_droprate=1)),
        (
            Send(
                0,
                OUTSIDE,
                about(IP(bytes(ipv4(VIP, CLIENT) / UDP(sport=53, dport=7))), ERRORS[0]),
                drops("defence"),
            ),
        ),
    ),
)
