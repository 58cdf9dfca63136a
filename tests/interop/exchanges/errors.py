# SPDX-License-Identifier: Apache-2.0
"""ICMP errors about a flow: each type and code, each method, from outside, inside, and about a tunnel."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol
from tests.interop.exchange import Exchange, Inject, arriving
from tests.interop.exchanges.headers import NAT, tcp_setting, udp_setting
from tests.packets.case import Packet
from tests.packets.frames import PORT, explicit, icmp_error, inside, ipv4, tcp, udp
from tests.packets.network import CLIENT, DIRECTOR, INSIDE, ONE, OUTSIDE, ROUTER, VIP, service, setting
from tests.packets.transform import translated

TYPES = (
    *((3, code, 0) for code in (0, 1, 2, 3, 5, 6, 9, 10, 13, 15)),
    *((3, 4, mtu) for mtu in (0, 68, 552, 1280, 1400, 1499, 1500, 9000)),
    (4, 0, 0),
    (5, 0, 0),
    (5, 1, 0),
    (11, 0, 0),
    (11, 1, 0),
    (12, 0, 0),
    (12, 1, 0),
)
INSIDE_ROUTER = "10.0.0.254"
PAGE = Raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500)


def from_outside(quoted: bytes, kind: int, code: int, mtu: int, **more: Any) -> Packet:
    return icmp_error(quoted, kind=kind, code=code, mtu=mtu, **more)


def from_inside(
    quoted: bytes, kind: int, code: int, mtu: int, *, source: str = ONE, target: str = CLIENT
) -> Packet:
    header = ICMP(struct.pack("!BBHHH", kind, code, 0, 0, mtu))
    del header.chksum
    return explicit(inside(ONE) / ipv4(source, target, flags=0, tos=0xC0) / header / Raw(quoted))


def page(protocol: type[TCP | UDP], sport: int, **ip: Any) -> bytes:
    """A packet from the service to the client, as a router on the way quotes it."""
    layer = (
        TCP(sport=sport, dport=PORT, flags="PA", seq=5) if protocol is TCP else UDP(sport=sport, dport=PORT)
    )
    return bytes(IP(bytes(ipv4(VIP, CLIENT, ttl=59, **ip) / layer / PAGE)))[:548]


def asked(frame: Packet, port: int) -> bytes:
    """A client's packet as NAT sent it to the real server."""
    return bytes(translated(frame, ONE, ONE, port)[IP])


def about_replies() -> Iterator[Exchange]:
    for method in ForwardingMethod:
        yield Exchange(
            f"TCP by {method.value}: errors from a router outside",
            tcp_setting(method),
            arriving(OUTSIDE, tcp("S"), tcp("A"), *(from_outside(page(TCP, 80), *error) for error in TYPES)),
        )
        yield Exchange(
            f"UDP by {method.value}: errors from a router outside",
            udp_setting(method),
            arriving(OUTSIDE, udp(), *(from_outside(page(UDP, 53), *error) for error in TYPES)),
        )
        yield Exchange(
            f"TCP by {method.value}: errors with short, long and odd quotes",
            tcp_setting(method),
            arriving(OUTSIDE, tcp("S"), *odd_quotes()),
        )


def odd_quotes() -> Iterator[Packet]:
    whole = page(TCP, 80)
    for length in (20, 24, 27, 28, 29, 40, 41, 100):
        yield from_outside(whole[:length], 3, 1, 0)
    yield from_outside(page(TCP, 80, ihl=None, tos=0xFF, id=0, flags=0), 11, 0, 0)
    yield from_outside(page(TCP, 80, frag=64), 3, 1, 0)
    yield from_outside(page(TCP, 80, flags="MF"), 11, 1, 0)
    yield from_outside(page(TCP, 81), 3, 1, 0)
    yield from_outside(page(UDP, 80), 3, 1, 0)
    for ttl in (1, 2):
        frame = from_outside(whole, 3, 1, 0)
        frame[IP].ttl = ttl
        del frame[IP].chksum
        yield explicit(frame)
    yield from_outside(whole, 3, 1, 0, source=CLIENT)


def about_requests() -> Iterator[Exchange]:
    """From the real server or a router before it, about what NAT sent to the real server."""
    rows = (
        ("TCP", tcp_setting(NAT), (tcp("S"), tcp("A")), asked(tcp("A"), 8080)),
        ("UDP", udp_setting(NAT), (udp(),), asked(udp(), 5353)),
    )
    for protocol, given, opening, quoted in rows:
        for source in (ONE, INSIDE_ROUTER):
            who = "the real server" if source == ONE else "a router inside"
            yield Exchange(
                f"{protocol} by nat: errors from {who}",
                given,
                (
                    *arriving(OUTSIDE, *opening),
                    *arriving(INSIDE, *(from_inside(quoted, *error, source=source) for error in TYPES)),
                ),
            )


def about_the_tunnel() -> Iterator[Exchange]:
    """From a router between director and real server, about the outer packet."""
    inner = bytes(tcp("A", b"x" * 1400, ttl=63)[IP])
    outer = bytes(IP(src=DIRECTOR, dst=ONE, proto=4, ttl=62, flags="DF", id=0) / Raw(inner))
    errors = [(3, 4, 1400), (3, 4, 552), (3, 1, 0), (11, 0, 0)]
    for length in (28, 48, 60, 548):
        yield Exchange(
            f"TCP by tun: errors about the outer packet that quote {length} bytes of it",
            tcp_setting(ForwardingMethod.TUN),
            (
                *arriving(OUTSIDE, tcp("S"), tcp("A")),
                *(
                    Inject(
                        INSIDE,
                        bytes(from_inside(outer[:length], *error, source=INSIDE_ROUTER, target=DIRECTOR)),
                    )
                    for error in errors
                ),
                *arriving(OUTSIDE, tcp("A", b"x" * 1400), tcp("A", b"x" * 1400, flags=0)),
            ),
        )


def queries() -> Iterator[Exchange]:
    for method in ForwardingMethod:
        pings = [
            explicit(_ping(target, kind, ttl))
            for target in (VIP, DIRECTOR, "203.0.113.2")
            for kind in (8, 0, 17)
            for ttl in (64, 1)
        ]
        yield Exchange(
            f"ICMP queries beside a service by {method.value}", tcp_setting(method), arriving(OUTSIDE, *pings)
        )


def _ping(target: str, kind: int, ttl: int) -> Packet:
    frame = icmp_error(b"", kind=8, source=CLIENT, target=target)
    header = ICMP(type=kind, id=7, seq=1)
    return Ether(src=frame.src, dst=frame.dst) / ipv4(CLIENT, target, ttl=ttl) / header / Raw(b"abcdefgh" * 4)


def unanswerable() -> Iterator[Exchange]:
    """No destination, for packets about which an error may not be sent, or only with care."""
    frames = [
        tcp("S"),
        tcp("S", tos=0xFF),
        tcp("S", ttl=1),
        tcp("S", b"x" * 1400),
        tcp("S", client=ROUTER),
        tcp("A"),
        tcp("F"),
        tcp("R"),
        tcp("SA"),
        tcp(""),
    ]
    yield Exchange(
        "TCP frames to a service without a destination", setting(service()), arriving(OUTSIDE, *frames)
    )
    datagrams = [udp(), udp(tos=0xFF), udp(ttl=1), udp(b"x" * 1400), udp(client=ROUTER), udp(flags=0)]
    yield Exchange(
        "UDP frames to a service without a destination",
        setting(service(protocol=Protocol.UDP, port=53)),
        arriving(OUTSIDE, *datagrams),
    )


SOURCES = ("0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", VIP, DIRECTOR)


def odd_sources() -> Iterator[Exchange]:
    """Clients that no host can be, and the director itself."""
    for state, given in (
        ("with", udp_setting(ForwardingMethod.DR)),
        ("without", setting(service(protocol=Protocol.UDP, port=53))),
    ):
        yield Exchange(
            f"odd sources to a service {state} a destination",
            given,
            arriving(OUTSIDE, *(udp(client=source) for source in SOURCES)),
        )
    yield Exchange(
        "odd sources of segments without a connection",
        tcp_setting(ForwardingMethod.DR),
        arriving(OUTSIDE, *(tcp("A", client=source) for source in SOURCES)),
    )


EXCHANGES = (
    *odd_sources(),
    *about_replies(),
    *about_requests(),
    *about_the_tunnel(),
    *queries(),
    *unanswerable(),
)
