# SPDX-License-Identifier: Apache-2.0
"""ICMPv6: errors about a flow follow the flow; the rest, Neighbour Discovery above all, is the stack's."""

from __future__ import annotations

import struct

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Packet, Send, drops, passes, sends
from tests.packets.checksum import ETHERNET
from tests.packets.frames import PORT, explicit, inside, outside
from tests.packets.frames_ipv6 import ends_early, icmp_error, ipv6, tcp, udp
from tests.packets.network import (
    INSIDE,
    INSIDE_MAC,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER_MAC,
    SERVER_MACS,
    setting,
)
from tests.packets.network_ipv6 import CLIENT, DIRECTOR, ONE, ROUTER, VIP, names, web
from tests.packets.transform_ipv6 import aged, direct, packet_of, summed, translated, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
ERRORS = (
    ("destination unreachable", 1, 0, 0),
    ("packet too big", 2, 0, 1400),
    ("hop limit exceeded", 3, 0, 0),
)
PAYLOAD = Raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500)


def page(source: str, sport: int, *extensions: Packet) -> bytes:
    """A packet of the flow from the service to the client, as a router beyond saw it."""
    segment = TCP(sport=sport, dport=PORT, flags="PA", seq=5)
    return bytes(ipv6(source, CLIENT, *extensions, hlim=59) / segment / PAYLOAD)


def about(quoted: bytes, error: tuple[str, int, int, int], **more: str) -> Packet:
    _, kind, code, mtu = error
    return icmp_error(quoted, kind=kind, code=code, mtu=mtu, **more)


def opened(method: ForwardingMethod) -> Send:
    made = {
        DR: lambda: direct(tcp("S"), ONE),
        TUN: lambda: tunnelled(tcp("S"), ONE, ONE),
        NAT: lambda: translated(tcp("S"), ONE, ONE, 8080),
    }
    return Send(0, OUTSIDE, tcp("S"), sends(INSIDE, made[method]()))


def requoted(quoted: bytes, *, source: str | None = None, target: str | None = None, ports: bytes) -> bytes:
    """The quoted packet with other addresses and ports, its checksum as it was."""
    out = IPv6(quoted[:40])
    out.src, out.dst = source or out.src, target or out.dst
    return bytes(out) + ports + quoted[44:]


def to_server(error: tuple[str, int, int, int], quoted: bytes) -> Packet:
    """An error from outside, addressed to the real server, about a packet that the real server sent."""
    packet = summed(aged(packet_of(about(quoted, error, target=ONE))))
    return Ether(bytes(Ether(src=INSIDE_MAC, dst=SERVER_MACS[ONE], type=0x86DD)) + packet)


def from_server(error: tuple[str, int, int, int], quoted: bytes, source: str = ONE) -> Packet:
    """An error that a real server sends to a client about what it was sent."""
    frame = packet_of(about(quoted, error, source=source, target=CLIENT))
    return explicit(inside(ONE) / IPv6(frame))


def to_client(error: tuple[str, int, int, int], quoted: bytes) -> Packet:
    packet = summed(aged(packet_of(about(quoted, error, source=VIP, target=CLIENT))))
    return Ether(bytes(Ether(src=OUTSIDE_MAC, dst=ROUTER_MAC, type=0x86DD)) + packet)


def seen_by_server(frame: Packet, port: int) -> bytes:
    return packet_of(translated(frame, ONE, ONE, port))


def spoilt(frame: Packet) -> Packet:
    raw = bytearray(bytes(frame))
    raw[ETHERNET + 42] ^= 1
    return Ether(bytes(raw))


def ports(source: int, target: int) -> bytes:
    return struct.pack("!HH", source, target)


FOLLOWED = tuple(
    Case(
        f"{error[0]} about a flow with {method.value}",
        setting(web(method, port=8080 if method is NAT else 80)),
        (
            opened(method),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80), error),
                sends(
                    INSIDE,
                    {
                        DR: lambda error: direct(about(page(VIP, 80), error), ONE),
                        TUN: lambda error: tunnelled(about(page(VIP, 80), error), ONE, ONE),
                        NAT: lambda error: to_server(
                            error, requoted(page(VIP, 80), source=ONE, ports=ports(8080, PORT))
                        ),
                    }[method](error),
                    reason="icmp_related",
                ),
            ),
        ),
    )
    for error in ERRORS
    for method in (DR, TUN, NAT)
)
BACK = tuple(
    Case(
        f"{error[0]} from a server, or a router before it, goes to the client as the VIP's: {source}",
        setting(web(NAT, port=8080)),
        (
            opened(NAT),
            Send(
                1,
                INSIDE,
                from_server(error, seen_by_server(tcp("S"), 8080), source),
                sends(
                    OUTSIDE,
                    to_client(
                        error,
                        requoted(seen_by_server(tcp("S"), 8080), target=VIP, ports=ports(PORT, 80)),
                    ),
                    reason="icmp_related",
                ),
            ),
        ),
    )
    for error in ERRORS
    for source in (ONE, "fd00::fe")
)
TOO_BIG = ERRORS[1]
QUERIES: tuple[tuple[str, Packet], ...] = (
    ("a ping to the VIP", ipv6(CLIENT, VIP) / ICMPv6EchoRequest(data=b"ping")),
    ("a solicitation for the VIP", ipv6("fe80::1", VIP, hlim=255) / ICMPv6ND_NS(tgt=VIP)),
    ("an advertisement to a link-local address", ipv6("fe80::1", "fe80::2", hlim=255) / ICMPv6ND_NA(tgt=VIP)),
    ("a router's advertisement", ipv6("fe80::1", "fe80::2", hlim=255) / ICMPv6ND_RA()),
    ("a ping in fragments", ipv6(CLIENT, VIP, IPv6ExtHdrFragment(m=1)) / ICMPv6EchoRequest(data=b"p" * 8)),
)
OTHER = (
    *(
        Case(
            f"{name} is the stack's",
            setting(web(DR)),
            (Send(0, OUTSIDE, explicit(outside() / packet), passes()),),
        )
        for name, packet in QUERIES
    ),
    Case(
        "an error about no flow is the stack's",
        setting(web(DR)),
        (Send(0, OUTSIDE, about(page(VIP, 80), TOO_BIG), passes("icmp_unrelated")),),
    ),
    Case(
        "an error about a datagram",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), ONE))),
            Send(
                1,
                OUTSIDE,
                about(bytes(ipv6(VIP, CLIENT) / UDP(sport=53, dport=PORT) / PAYLOAD), TOO_BIG),
                sends(
                    INSIDE,
                    direct(
                        about(bytes(ipv6(VIP, CLIENT) / UDP(sport=53, dport=PORT) / PAYLOAD), TOO_BIG), ONE
                    ),
                ),
            ),
        ),
    ),
    Case(
        "an error that quotes extension headers before the segment",
        setting(web(DR)),
        (
            opened(DR),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80, IPv6ExtHdrDestOpt()), TOO_BIG),
                sends(INSIDE, direct(about(page(VIP, 80, IPv6ExtHdrDestOpt()), TOO_BIG), ONE)),
            ),
        ),
    ),
    Case(
        "an error that quotes a later fragment is the stack's",
        setting(web(DR)),
        (
            opened(DR),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80, IPv6ExtHdrFragment(offset=3)), TOO_BIG),
                passes("icmp_unrelated"),
            ),
        ),
    ),
    Case(
        "an error with a wrong checksum, a martian source, no hops left or a cut quote goes nowhere",
        setting(web(DR)),
        (
            opened(DR),
            Send(1, OUTSIDE, spoilt(about(page(VIP, 80), TOO_BIG)), drops("bad_checksum")),
            Send(2, OUTSIDE, about(page(VIP, 80), TOO_BIG, source="::1"), drops("bad_source")),
            Send(
                3,
                OUTSIDE,
                explicit(
                    outside()
                    / IPv6(
                        packet_of(about(page(VIP, 80), TOO_BIG))[:7]
                        + b"\1"
                        + packet_of(about(page(VIP, 80), TOO_BIG))[8:]
                    )
                ),
                drops("ttl_expired_silent"),
            ),
            *(
                Send(at, OUTSIDE, Raw(ends_early(about(page(VIP, 80), TOO_BIG), at)), drops("truncated"))
                for at in (*range(40, 48), *range(48, 92))
            ),
        ),
    ),
    Case(
        "an error larger than the way to its server goes nowhere: none may answer it",
        setting(web(TUN)).with_mtu(1320),
        (
            opened(TUN),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80) + bytes(1300 - len(page(VIP, 80))), TOO_BIG),
                drops("too_big_silent"),
            ),
        ),
    ),
    Case(
        "the director's own address on the inside is not the VIP: its errors are the stack's",
        setting(web(NAT)),
        (
            opened_nat := Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Send(1, OUTSIDE, about(page(DIRECTOR, 80), TOO_BIG, source=ROUTER), passes("icmp_unrelated")),
        ),
    ),
)
CASES = (*FOLLOWED, *BACK, *OTHER)
