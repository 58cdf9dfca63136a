# SPDX-License-Identifier: Apache-2.0
"""IPv6 frames that are no packets, or lie about what they are, and sources that no host has."""

from __future__ import annotations

from scapy.layers.inet import TCP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Packet, Send, drops, passes, sends, stays
from tests.packets.checksum import ETHERNET
from tests.packets.frames import PORT, explicit, outside
from tests.packets.frames_ipv6 import ends_early, ipv6, tcp, udp
from tests.packets.network import INSIDE, OUTSIDE, setting
from tests.packets.network_ipv6 import CLIENT, ONE, VIP, names, web
from tests.packets.transform_ipv6 import direct

GIVEN = setting(web(ForwardingMethod.DR), names(ForwardingMethod.DR))
LONG = tcp("S", b"", IPv6ExtHdrHopByHop(), IPv6ExtHdrFragment(), IPv6ExtHdrDestOpt())
MARTIANS = ("::", "::1", "ff02::1", "::ffff:192.0.2.7", VIP)
NOT_OURS: tuple[tuple[str, Packet], ...] = (
    ("a TCP port without a service", ipv6(CLIENT, VIP) / TCP(sport=PORT, dport=22, flags="S")),
    ("the service's port on another address", ipv6(CLIENT, "2001:db8::2") / TCP(dport=80, flags="S")),
    ("the service's port on a link-local address", ipv6("fe80::1", "fe80::2") / TCP(dport=80, flags="S")),
    ("ESP to the VIP", ipv6(CLIENT, VIP, nh=50) / Raw(b"secret" * 8)),
    ("no next header", ipv6(CLIENT, VIP, nh=59) / Raw(b"nothing")),
    ("IPv4's ICMP", ipv6(CLIENT, VIP, nh=1) / Raw(b"\3\0\0\0" * 12)),
    ("a tunnel to the VIP", ipv6(CLIENT, VIP, nh=41) / ipv6(CLIENT, VIP) / TCP(dport=80)),
)


def changed(frame: Packet, at: int, value: int) -> Packet:
    raw = bytearray(bytes(frame))
    raw[ETHERNET + at] = value
    return Raw(bytes(raw))


CASES = (
    *(
        Case(f"{name} is the stack's", GIVEN, (Send(0, OUTSIDE, explicit(outside() / packet), passes()),))
        for name, packet in NOT_OURS
    ),
    Case(
        "a frame that ends before its packet does, at each byte, is not forwarded",
        GIVEN,
        tuple(
            Send(length, OUTSIDE, Raw(bytes(LONG)[: ETHERNET + length]), stays())
            for length in range(40, len(LONG) - ETHERNET)
        ),
    ),
    Case(
        "a packet that ends within its headers, at each byte, is not forwarded",
        GIVEN,
        tuple(
            Send(length, OUTSIDE, Raw(ends_early(LONG, length)), drops("truncated"))
            for length in range(40, len(LONG) - ETHERNET)
        ),
    ),
    Case(
        "frames that end within the IPv6 header are not forwarded",
        GIVEN,
        tuple(
            Send(length, OUTSIDE, Raw(bytes(LONG)[: ETHERNET + length]), stays()) for length in range(1, 40)
        ),
    ),
    Case(
        "what follows the packet is padding, and does not go on",
        GIVEN,
        (
            Send(
                0,
                OUTSIDE,
                Raw(bytes(tcp("S")) + b"padding"),
                sends(INSIDE, direct(tcp("S"), ONE), reason="new"),
            ),
        ),
    ),
    Case(
        "another version than 6 under IPv6's EtherType is dropped",
        GIVEN,
        tuple(
            Send(version, OUTSIDE, changed(tcp("S"), 0, version << 4), drops("bad_header"))
            for version in range(16)
            if version != 6
        ),
    ),
    Case(
        "a payload length that is more than there is, is dropped",
        GIVEN,
        (
            Send(0, OUTSIDE, changed(tcp("S"), 5, 21), drops("truncated")),
            Send(1, OUTSIDE, changed(tcp("S"), 4, 0xF0), drops("truncated")),
            Send(2, OUTSIDE, changed(changed(tcp("S"), 4, 0xFF), 5, 0xFF), drops("bad_header")),
        ),
    ),
    Case(
        "an extension header that says it is longer than the packet leads nowhere",
        GIVEN,
        tuple(
            Send(length, OUTSIDE, changed(tcp("S", b"", IPv6ExtHdrDestOpt()), 41, length), stays())
            for length in range(1, 256)
        ),
    ),
    *(
        Case(
            f"a packet from {source} opens no connection",
            GIVEN,
            (
                Send(0, OUTSIDE, tcp("S", client=source), drops("bad_source")),
                Send(1, OUTSIDE, udp(client=source), drops("bad_source")),
            ),
        )
        for source in MARTIANS
    ),
)
