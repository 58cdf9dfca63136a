# SPDX-License-Identifier: Apache-2.0
"""IPv6: ICMPv6 errors about a flow, from outside and inside, and fragments, both ways."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, in6_chksum
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol
from tests.interop.exchange import Exchange, arriving
from tests.interop.exchanges.ipv6 import METHODS, NAT, PORT, names, tcp, tcp_reply, udp, udp_reply, web
from tests.interop.families import V6, from_client, from_server, ip, service, setting
from tests.packets.case import Packet
from tests.packets.network import INSIDE, OUTSIDE

ERRORS = (
    *((1, code, 0) for code in range(7)),
    *((2, 0, mtu) for mtu in (0, 68, 1279, 1280, 1400, 1499, 1500, 9000)),
    (3, 0, 0),
    (3, 1, 0),
    (4, 0, 40),
    (4, 1, 6),
    (5, 0, 0),
    (127, 0, 0),
    (137, 0, 0),
)
PAGE = Raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500)
PAYLOAD = bytes(range(256)) * 10


def error(kind: int, code: int, value: int, quoted: bytes, source: str, target: str) -> Packet:
    """An ICMPv6 error with its checksum; `value` is what stands in its second word."""
    body = struct.pack("!BBHI", kind, code, 0, value) + quoted
    right: int = in6_chksum(58, IPv6(src=source, dst=target), body)  # type: ignore[no-untyped-call]
    return Raw(body[:2] + right.to_bytes(2, "big") + body[4:])


def from_outside(
    quoted: bytes, kind: int, code: int, value: int, *, source: str = V6.router, **ip: Any
) -> Packet:
    return from_client(V6, error(kind, code, value, quoted, source, V6.vip), client=source, nh=58, **ip)


def from_within(quoted: bytes, kind: int, code: int, value: int, *, source: str = V6.one) -> Packet:
    return from_server(V6, error(kind, code, value, quoted, source, V6.client), server=source, nh=58)


def page(layer: Packet, *before: Packet, **fields: Any) -> bytes:
    """A packet from the service to the client, as a router on the way quotes it."""
    packet = ip(V6, V6.vip, V6.client, hops=59, **fields)
    for each in (*before, layer, PAGE):
        packet = packet / each
    return bytes(packet)[:1232]


def of_web(**more: Any) -> bytes:
    return page(TCP(sport=80, dport=PORT, flags="PA", seq=5), **more)


def of_names() -> bytes:
    return page(UDP(sport=53, dport=PORT))


def asked(frame: Packet, port: int, layer: Any) -> bytes:
    """A client's packet as NAT sent it to the real server."""
    packet = IPv6(bytes(frame[IPv6]))
    packet.dst, packet.hlim, packet[layer].dport = V6.one, packet.hlim - 1, port
    del packet[layer].chksum
    return bytes(packet)


def about_replies() -> Iterator[Exchange]:
    for method in METHODS:
        yield Exchange(
            f"IPv6 TCP by {method.value}: errors from a router outside",
            web(method),
            arriving(OUTSIDE, tcp("S"), tcp("A"), *(from_outside(of_web(), *each) for each in ERRORS)),
        )
        yield Exchange(
            f"IPv6 UDP by {method.value}: errors from a router outside",
            names(method),
            arriving(OUTSIDE, udp(), *(from_outside(of_names(), *each) for each in ERRORS)),
        )
        yield Exchange(
            f"IPv6 TCP by {method.value}: errors with short, long and odd quotes",
            web(method),
            arriving(OUTSIDE, tcp("S"), *odd_quotes()),
        )


def odd_quotes() -> Iterator[Packet]:
    whole = of_web()
    for length in (0, 8, 39, 40, 43, 44, 48, 60, 61, 200):
        yield from_outside(whole[:length], 1, 0, 0)
    segment = TCP(sport=80, dport=PORT, flags="PA", seq=5)
    yield from_outside(page(segment, IPv6ExtHdrDestOpt()), 1, 0, 0)
    yield from_outside(page(segment, IPv6ExtHdrFragment(id=7, m=1)), 1, 0, 0)
    yield from_outside(page(segment, IPv6ExtHdrFragment(id=7, m=1)), 3, 1, 0)
    yield from_outside(page(segment, IPv6ExtHdrFragment(id=7, offset=64)), 3, 1, 0)
    yield from_outside(page(TCP(sport=81, dport=PORT, flags="PA")), 1, 0, 0)
    yield from_outside(page(UDP(sport=80, dport=PORT)), 1, 0, 0)
    for hops in (1, 2):
        yield from_outside(whole, 1, 0, 0, hops=hops)
    yield from_outside(whole, 1, 0, 0, source=V6.client)
    wrong = from_outside(whole, 1, 0, 0)
    wrong[Raw].load = wrong[Raw].load[:2] + b"\x12\x34" + wrong[Raw].load[4:]
    yield wrong


def about_requests() -> Iterator[Exchange]:
    rows = (
        ("TCP", web(NAT), (tcp("S"), tcp("A")), asked(tcp("A"), 8000, TCP)),
        ("UDP", names(NAT), (udp(),), asked(udp(), 5300, UDP)),
    )
    for protocol, given, opening, quoted in rows:
        for who, source in (("the real server", V6.one), ("a router inside", V6.inside_router)):
            yield Exchange(
                f"IPv6 {protocol} by nat: errors from {who}",
                given,
                (
                    *arriving(OUTSIDE, *opening),
                    *arriving(INSIDE, *(from_within(quoted, *each, source=source) for each in ERRORS)),
                ),
            )


def cut(frame: Packet, size: int, identification: int = 7) -> list[Packet]:
    """Cut a packet into fragments that carry `size` bytes each."""
    packet = frame[IPv6]
    body = bytes(packet.payload)
    pieces = []
    for at in range(0, len(body), size):
        header = frame.copy()
        header[IPv6].remove_payload()
        header[IPv6].nh = 44
        more = at + size < len(body)
        fragment = IPv6ExtHdrFragment(nh=packet.nh, offset=at // 8, m=int(more), id=identification)
        header[IPv6].plen = 8 + len(body[at : at + size])
        pieces.append(header / fragment / Raw(body[at : at + size]))
    return pieces


def fragments() -> Iterator[Exchange]:
    for method in METHODS:
        for count, size in ((2, 1400), (3, 1000), (6, 512)):
            yield Exchange(
                f"IPv6 UDP by {method.value}: {count} fragments of {size} bytes",
                names(method),
                arriving(OUTSIDE, *cut(udp(PAYLOAD), size), udp()),
            )
        first, *rest = cut(udp(PAYLOAD), 1000)
        yield Exchange(
            f"IPv6 UDP by {method.value}: fragments out of order",
            names(method),
            arriving(OUTSIDE, *reversed(rest), first),
        )
        yield Exchange(
            f"IPv6 UDP by {method.value}: a first fragment, and no more",
            names(method),
            arriving(OUTSIDE, first, udp(b"whole")),
        )
        yield Exchange(
            f"IPv6 TCP by {method.value}: segments in fragments",
            web(method),
            arriving(OUTSIDE, tcp("S"), tcp("A"), *cut(tcp("PA", PAYLOAD), 1232)),
        )
        yield Exchange(
            f"IPv6 by {method.value}: an atomic fragment",
            names(method),
            arriving(OUTSIDE, *cut(udp(), 1400), *cut(udp(b"x" * 1200), 1400, identification=8)),
        )
        yield Exchange(
            f"IPv6 by {method.value}: fragments whose hop limit runs out",
            names(method),
            arriving(OUTSIDE, *cut(udp(PAYLOAD, hops=1), 1000)),
        )


def fragments_of_replies() -> Iterator[Exchange]:
    yield Exchange(
        "IPv6 UDP by nat: replies in fragments",
        names(NAT),
        (*arriving(OUTSIDE, udp()), *arriving(INSIDE, *cut(udp_reply(PAYLOAD), 1000))),
    )
    yield Exchange(
        "IPv6 TCP by nat: replies in fragments",
        web(NAT),
        (*arriving(OUTSIDE, tcp("S"), tcp("A")), *arriving(INSIDE, *cut(tcp_reply("PA", PAYLOAD), 1000))),
    )


def odd_fragments() -> Iterator[Exchange]:
    yield Exchange(
        "IPv6 UDP by dr: a datagram without a checksum in fragments",
        names(ForwardingMethod.DR),
        arriving(OUTSIDE, *without_checksum()),
    )
    yield Exchange(
        "IPv6 UDP by dr: fragments of a service without a destination",
        setting(service(family=V6, protocol=Protocol.UDP, port=53)),
        arriving(OUTSIDE, *cut(udp(PAYLOAD), 1000)),
    )


def without_checksum() -> list[Packet]:
    frame = udp(PAYLOAD)
    frame[UDP].chksum = 0
    return cut(frame, 1000)


EXCHANGES = (
    *about_replies(),
    *about_requests(),
    *fragments(),
    *fragments_of_replies(),
    *odd_fragments(),
)
