# SPDX-License-Identifier: Apache-2.0
"""IP-in-IP: what the outer header takes over from the inner one, and packets that do not fit."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Departure, Packet, Send, own_id, sends
from tests.packets.frames import PORT, explicit, ipv4, outside, tcp, udp
from tests.packets.network import (
    CLIENT,
    DIRECTOR,
    INSIDE,
    INSIDE_MAC,
    ONE,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER_MAC,
    SERVER_MACS,
    VIP,
    hop,
    names,
    setting,
    web,
)
from tests.packets.transform import (
    aged,
    fragmentation_needed,
    fragments_of,
    to_hop,
    tunnelled,
    wrapped,
)

WEB = setting(web(ForwardingMethod.TUN))
NAMES = setting(names(ForwardingMethod.TUN))
NO_CHECKSUM = explicit(outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=53, chksum=0) / Raw(b"question"))
OPTIONS = explicit(
    outside()
    / ipv4(CLIENT, VIP, options=[IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_NOP()])
    / TCP(sport=PORT, dport=80, flags="S")
)
SYN = Send(0, OUTSIDE, tcp("S"), sends(INSIDE, tunnelled(tcp("S"), ONE, ONE)))


def large(length: int, **ip: Any) -> Packet:
    """A segment of a client whose IP packet has this length."""
    return tcp("A", bytes(number % 251 for number in range(length - 40)), **ip)


def outer_pieces(length: int, mtu: int = 1500) -> tuple[Departure, ...]:
    packet = IP(bytes(wrapped(aged(large(length, flags=0)), hop(ONE, mtu=mtu), ONE)))
    return tuple(own_id(to_hop(piece, hop(ONE))) for piece in fragments_of(packet, mtu))


CASES = (
    Case(
        "a SYN is wrapped once, both TTLs one less, DF copied and the outer id 0",
        WEB,
        (
            Send(
                0,
                OUTSIDE,
                Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC)
                / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=64, tos=0x10)
                / TCP(sport=1234, dport=80, flags="S", seq=9),
                sends(
                    INSIDE,
                    Ether(src=INSIDE_MAC, dst=SERVER_MACS[ONE])
                    / IP(src=DIRECTOR, dst=ONE, id=0, flags="DF", ttl=63, tos=0x10, proto=4)
                    / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=63, tos=0x10)
                    / TCP(sport=1234, dport=80, flags="S", seq=9),
                    reason="new",
                ),
            ),
        ),
    ),
    Case(
        "later packets are wrapped the same way",
        WEB,
        (
            SYN,
            Send(1, OUTSIDE, tcp("A"), sends(INSIDE, tunnelled(tcp("A"), ONE, ONE), reason="hit")),
            Send(2, OUTSIDE, tcp("PA", b"x"), sends(INSIDE, tunnelled(tcp("PA", b"x"), ONE, ONE))),
        ),
    ),
    Case(
        "a datagram is wrapped, its checksum untouched",
        NAMES,
        (Send(0, OUTSIDE, udp(), sends(INSIDE, tunnelled(udp(), ONE, ONE), reason="new")),),
    ),
    Case(
        "a datagram without a checksum keeps none in the tunnel",
        NAMES,
        (Send(0, OUTSIDE, NO_CHECKSUM, sends(INSIDE, tunnelled(NO_CHECKSUM, ONE, ONE))),),
    ),
    Case(
        "without DF the outer header has none either, and an id of the director's",
        WEB,
        (Send(0, OUTSIDE, tcp("S", flags=0), sends(INSIDE, own_id(tunnelled(tcp("S", flags=0), ONE, ONE)))),),
    ),
    Case(
        "TTL 2 arrives at the tunnel as 1 in both headers",
        WEB,
        (Send(0, OUTSIDE, tcp("S", ttl=2), sends(INSIDE, tunnelled(tcp("S", ttl=2), ONE, ONE))),),
    ),
    *(
        Case(
            f"TOS 0x{tos:02x} becomes 0x{outer:02x} outside",
            WEB,
            (
                Send(
                    0,
                    OUTSIDE,
                    Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC)
                    / IP(src=CLIENT, dst=VIP, id=7, flags="DF", tos=tos)
                    / TCP(sport=PORT, dport=80, flags="S"),
                    sends(
                        INSIDE,
                        Ether(src=INSIDE_MAC, dst=SERVER_MACS[ONE])
                        / IP(src=DIRECTOR, dst=ONE, id=0, flags="DF", ttl=63, tos=outer, proto=4)
                        / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=63, tos=tos)
                        / TCP(sport=PORT, dport=80, flags="S"),
                    ),
                ),
            ),
        )
        for tos, outer in ((0xFF, 0xFE), (0xFC, 0xFC), (0x01, 0x01), (0x02, 0x02), (0x03, 0x02), (0xB9, 0xB9))
    ),
    Case(
        "IP options stay in the inner header",
        WEB,
        (Send(0, OUTSIDE, OPTIONS, sends(INSIDE, tunnelled(OPTIONS, ONE, ONE))),),
    ),
    Case(
        "padding does not go into the tunnel",
        WEB,
        (Send(0, OUTSIDE, Ether(bytes(tcp("S")) + b"\0" * 6), sends(INSIDE, tunnelled(tcp("S"), ONE, ONE))),),
    ),
    Case(
        "a packet of 1480 bytes with DF fits the tunnel just so",
        WEB,
        (SYN, Send(1, OUTSIDE, large(1480), sends(INSIDE, tunnelled(large(1480), ONE, ONE)))),
    ),
    *(
        Case(
            f"a packet of {length} bytes with DF is answered with fragmentation needed, MTU 1480",
            WEB,
            (
                SYN,
                Send(
                    1,
                    OUTSIDE,
                    large(length),
                    sends(OUTSIDE, own_id(fragmentation_needed(large(length), 1480)), reason="too_big"),
                ),
            ),
        )
        for length in (1481, 1500)
    ),
    Case(
        "the MTU in the answer follows the next hop's",
        WEB.with_mtu(1400),
        (
            SYN,
            Send(1, OUTSIDE, large(1381), sends(OUTSIDE, own_id(fragmentation_needed(large(1381), 1380)))),
            Send(2, OUTSIDE, large(1380), sends(INSIDE, tunnelled(large(1380), ONE, ONE))),
        ),
    ),
    *(
        Case(
            f"a packet of {length} bytes without DF goes into the tunnel, and the outer packet is fragmented",
            WEB,
            (SYN, Send(1, OUTSIDE, large(length, flags=0), sends(INSIDE, *outer_pieces(length)))),
        )
        for length in (1481, 1500)
    ),
    Case(
        "an outer packet may need more than two fragments",
        WEB.with_mtu(576),
        (SYN, Send(1, OUTSIDE, large(1500, flags=0), sends(INSIDE, *outer_pieces(1500, 576)))),
    ),
)
