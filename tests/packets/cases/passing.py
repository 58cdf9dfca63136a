# SPDX-License-Identifier: Apache-2.0
"""What is not the director's, left to the local stack untouched; and what is no packet at all."""

from __future__ import annotations

import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Packet, Send, drops, passes, stays
from tests.packets.checksum import ETHERNET, with_header_checksum
from tests.packets.frames import PORT, explicit, ipv4, outside, tcp, udp
from tests.packets.network import CLIENT, OUTSIDE, OUTSIDE_MAC, ROUTER, ROUTER_MAC, VIP, names, setting, web

GIVEN = setting(web(ForwardingMethod.NAT), names(ForwardingMethod.DR))

NOT_OURS: tuple[tuple[str, Packet], ...] = (
    (
        "an ARP request for the VIP",
        Ether(src=ROUTER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=ROUTER, pdst=VIP),
    ),
    ("IPv6", outside() / IPv6(src="2001:db8::7", dst="2001:db8::1") / TCP(sport=PORT, dport=80, flags="S")),
    ("a tagged frame", outside() / Dot1Q(vlan=5) / ipv4(CLIENT, VIP) / TCP(dport=80, flags="S")),
    ("spanning tree", Dot3(src=ROUTER_MAC, dst="01:80:c2:00:00:00") / LLC() / STP()),
    ("an unknown EtherType", Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC, type=0x88B5) / Raw(b"experiment" * 5)),
    ("a TCP port without a service", outside() / ipv4(CLIENT, VIP) / TCP(sport=PORT, dport=22, flags="S")),
    ("an ACK to a port without a service", outside() / ipv4(CLIENT, VIP) / TCP(dport=22, flags="A")),
    ("a UDP port without a service", outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=123)),
    ("UDP to a TCP service's port", outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=80)),
    ("TCP to a UDP service's port", outside() / ipv4(CLIENT, VIP) / TCP(sport=PORT, dport=53, flags="S")),
    ("the service's port on another address", outside() / ipv4(CLIENT, ROUTER) / TCP(dport=80, flags="S")),
    ("a ping to the VIP", outside() / ipv4(CLIENT, VIP) / ICMP(type=8) / Raw(b"ping")),
    ("ESP to the VIP", outside() / ipv4(CLIENT, VIP, proto=50) / Raw(b"secret" * 8)),
    ("a tunnel to the VIP", outside() / ipv4(CLIENT, VIP, proto=4) / IP() / TCP()),
    ("SCTP to the VIP", outside() / ipv4(CLIENT, VIP, proto=132) / Raw(b"\0\x50" * 12)),
)


def lying(name: str, value: int) -> Packet:
    """A SYN whose IPv4 header lies about one of its fields, with a checksum that fits the lie."""
    at, form = {"version_ihl": (0, "!B"), "total_length": (2, "!H")}[name]
    frame = bytearray(bytes(tcp("S")))
    struct.pack_into(form, frame, ETHERNET + at, value)
    return Raw(with_header_checksum(bytes(frame)))


def spoilt() -> Packet:
    out = Ether(bytes(tcp("S")))
    out[IP].chksum ^= 1
    return out


def ends_early(packet: Packet, length: int) -> Packet:
    """A packet that is honest about ending within its transport header."""
    out = Ether(bytes(packet)[: ETHERNET + length])
    out[IP].len = length
    del out[IP].chksum
    return out


LIES = (
    *(lying("version_ihl", version << 4 | 5) for version in (0, 5, 6, 15)),
    *(lying("version_ihl", 0x40 | words) for words in (0, 1, 4, 11, 15)),
    *(lying("total_length", length) for length in (0, 19, 20, 39, 41, 1500, 65535)),
)
SHORT = (
    *(ends_early(tcp("S"), 20 + length) for length in range(20)),
    *(ends_early(udp(), 20 + length) for length in range(8)),
)
HEADERS = (("Ethernet's header", 1, 14), ("IP's header", 14, 34), ("TCP's header", 34, 54))

CASES = (
    *(
        Case(f"{name} is left to the stack", GIVEN, (Send(0, OUTSIDE, explicit_or_raw, passes()),))
        for name, explicit_or_raw in ((name, Raw(bytes(packet))) for name, packet in NOT_OURS)
    ),
    Case(
        "a header that lies about its version or lengths is not forwarded",
        GIVEN,
        tuple(Send(at, OUTSIDE, frame, stays()) for at, frame in enumerate(LIES)),
    ),
    Case(
        "a packet that ends within its transport header is not forwarded",
        GIVEN,
        tuple(Send(at, OUTSIDE, frame, stays()) for at, frame in enumerate(SHORT)),
    ),
    Case(
        "a wrong IP checksum is dropped, not repaired",
        GIVEN,
        (Send(0, OUTSIDE, spoilt(), drops("bad_checksum")),),
    ),
    Case(
        "without services everything is the stack's",
        setting(),
        (Send(0, OUTSIDE, tcp("S"), passes("no_service")), Send(1, OUTSIDE, udp(), passes("no_service"))),
    ),
    *(
        Case(
            f"frames that end within {header} are not forwarded",
            GIVEN,
            tuple(
                Send(length, OUTSIDE, Raw(bytes(explicit(tcp("S")))[:length]), stays())
                for length in range(least, end)
            ),
        )
        for header, least, end in (
            ("Ethernet's header", 1, 14),
            ("IP's header", 14, 34),
            ("TCP's header", 34, 54),
        )
    ),
)
