# SPDX-License-Identifier: Apache-2.0
"""Direct routing: another next hop and one hop less to live, nothing else."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol
from tests.packets.case import Case, Send, passes, sends
from tests.packets.frames import PORT, explicit, ipv4, outside, tcp, udp
from tests.packets.network import (
    CLIENT,
    INSIDE,
    INSIDE_MAC,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER_MAC,
    SERVER_MACS,
    SERVERS,
    TWO,
    VIP,
    destination,
    hop,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import direct

WEB = setting(web(ForwardingMethod.DR))
NAMES = setting(names(ForwardingMethod.DR))
DATA = tcp("PA", b"GET / HTTP/1.0\r\n\r\n")
NO_CHECKSUM = explicit(outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=53, chksum=0) / Raw(b"question"))
OPTIONS = explicit(
    outside()
    / ipv4(CLIENT, VIP, options=[IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_NOP()])
    / TCP(sport=PORT, dport=80, flags="S")
)
WRONG = Ether(bytes(DATA))
WRONG[TCP].chksum ^= 0x1111
PADDED = Ether(bytes(tcp("S")) + b"\0" * 6)

CASES = (
    Case(
        "a SYN reaches the real server with only the MACs, the TTL and the IP checksum changed",
        WEB,
        (
            Send(
                0,
                OUTSIDE,
                Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC)
                / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=64, tos=0x10)
                / TCP(sport=1234, dport=80, flags="S", seq=9, window=512, options=[("MSS", 1460)]),
                sends(
                    INSIDE,
                    Ether(src=INSIDE_MAC, dst=SERVER_MACS[ONE])
                    / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=63, tos=0x10)
                    / TCP(sport=1234, dport=80, flags="S", seq=9, window=512, options=[("MSS", 1460)]),
                    reason="new",
                ),
            ),
        ),
    ),
    Case(
        "the packets after the first follow it to the same real server",
        setting(web(ForwardingMethod.DR, SERVERS)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), SERVERS[3]), reason="new")),
            Send(1, OUTSIDE, tcp("A"), sends(INSIDE, direct(tcp("A"), SERVERS[3]), reason="hit")),
            Send(2, OUTSIDE, DATA, sends(INSIDE, direct(DATA, SERVERS[3]), reason="hit")),
            Send(3, OUTSIDE, tcp("FA"), sends(INSIDE, direct(tcp("FA"), SERVERS[3]), reason="hit")),
        ),
    ),
    Case(
        "another client and another port of the same client are connections of their own",
        setting(web(ForwardingMethod.DR, (ONE, TWO))),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), TWO))),
            Send(
                1,
                OUTSIDE,
                tcp("S", client=OTHER_CLIENT),
                sends(INSIDE, direct(tcp("S", client=OTHER_CLIENT), ONE)),
            ),
            Send(2, OUTSIDE, tcp("S", port=5), sends(INSIDE, direct(tcp("S", port=5), TWO), reason="new")),
            Send(3, OUTSIDE, tcp("A"), sends(INSIDE, direct(tcp("A"), TWO), reason="hit")),
        ),
    ),
    Case(
        "a datagram and the next one go to the same real server",
        setting(names(ForwardingMethod.DR, (ONE, TWO))),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), TWO), reason="new")),
            Send(1, OUTSIDE, udp(b""), sends(INSIDE, direct(udp(b""), TWO), reason="hit")),
        ),
    ),
    Case(
        "a datagram without a checksum keeps none",
        NAMES,
        (Send(0, OUTSIDE, NO_CHECKSUM, sends(INSIDE, direct(NO_CHECKSUM, ONE))),),
    ),
    Case(
        "IP options are forwarded as they are",
        WEB,
        (Send(0, OUTSIDE, OPTIONS, sends(INSIDE, direct(OPTIONS, ONE))),),
    ),
    Case(
        "TOS with both ECN bits set, the reserved bit's neighbours and id are kept",
        WEB,
        tuple(
            Send(
                at,
                OUTSIDE,
                tcp("S", tos=tos, flags=flags, id=identification),
                sends(INSIDE, direct(tcp("S", tos=tos, flags=flags, id=identification), ONE)),
            )
            for at, (tos, flags, identification) in enumerate(((0xFF, 0, 0), (0xFF, "DF", 0xFFFF), (1, 0, 1)))
        ),
    ),
    Case(
        "a wrong TCP checksum stays wrong: the real server is to see it",
        WEB,
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), ONE))),
            Send(1, OUTSIDE, WRONG, sends(INSIDE, direct(WRONG, ONE))),
        ),
    ),
    Case(
        "the padding of a short Ethernet frame is no part of the packet",
        WEB,
        (Send(0, OUTSIDE, PADDED, sends(INSIDE, direct(tcp("S"), ONE))),),
    ),
    Case(
        "with one interface the frame leaves by the way it came",
        setting(web(ForwardingMethod.DR)).with_hop(ONE, hop(ONE, interface=OUTSIDE)),
        (Send(0, OUTSIDE, tcp("S"), sends(OUTSIDE, direct(tcp("S"), hop(ONE, interface=OUTSIDE)))),),
    ),
    Case(
        "a TCP and a UDP service of one address and port do not know each other",
        setting(web(ForwardingMethod.DR), service(destination(TWO), protocol=Protocol.UDP)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), ONE))),
            Send(
                1,
                OUTSIDE,
                explicit(outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=80)),
                sends(
                    INSIDE, direct(explicit(outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=80)), TWO)
                ),
            ),
        ),
    ),
    Case(
        "the real server's own replies past the director are not the director's if they cross it",
        WEB,
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), ONE))),
            Send(
                1,
                INSIDE,
                Ether(src=SERVER_MACS[ONE], dst=INSIDE_MAC)
                / ipv4(VIP, CLIENT)
                / TCP(sport=80, dport=PORT, flags="SA"),
                passes("no_service"),
            ),
        ),
    ),
)
