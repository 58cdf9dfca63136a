# SPDX-License-Identifier: Apache-2.0
"""IPv6 by each method: header fields, extension headers, sizes, checksums, first packets, odd addresses.

One flow an exchange, as in headers.py. Errors and fragments of IPv6 are in ipv6_errors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (
    HBHOptUnknown,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    RouterAlert,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol, Tunables
from tests.interop.exchange import Exchange, arriving
from tests.interop.families import V6, from_client, from_server, service, setting, to
from tests.packets.case import Packet
from tests.packets.frames import explicit
from tests.packets.frames import tcp as tcp4
from tests.packets.network import INSIDE, OUTSIDE, ROUTER_MAC, Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
PORT = 40000
Made = Callable[..., Packet]

FIELDS: dict[str, dict[str, Any]] = {
    "hop limit 2": {"hops": 2},
    "hop limit 1": {"hops": 1},
    "hop limit 0": {"hops": 0},
    "hop limit 255": {"hops": 255},
    "ECT(1)": {"tos": 1},
    "ECT(0)": {"tos": 2},
    "CE": {"tos": 3},
    "expedited": {"tos": 0xB8},
    "every bit of the traffic class": {"tos": 0xFF},
    "no flow label": {"fl": 0},
    "every bit of the flow label": {"fl": 0xFFFFF},
}
EXTENSIONS: dict[str, tuple[Packet, ...]] = {
    "hop-by-hop padding": (IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]),),
    "router alert": (IPv6ExtHdrHopByHop(options=[RouterAlert()]),),
    "a hop-by-hop option to skip": (
        IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x1E, optdata=b"\0" * 4)]),
    ),
    "a hop-by-hop option to drop": (
        IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x5E, optdata=b"\0" * 4)]),
    ),
    "a hop-by-hop option to report": (
        IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x9E, optdata=b"\0" * 4)]),
    ),
    "destination options": (IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]),),
    "long destination options": (IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 60)]),),
    "a destination option to report": (
        IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x9E, optdata=b"\0" * 4)]),
    ),
    "a used-up routing header": (IPv6ExtHdrRouting(type=0, segleft=0, addresses=[]),),
    "a routing header": (IPv6ExtHdrRouting(type=0, segleft=1, addresses=["2001:db8:a::11"]),),
    "both options": (IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()),
    "four headers": (
        IPv6ExtHdrHopByHop(),
        IPv6ExtHdrDestOpt(),
        IPv6ExtHdrRouting(type=0, segleft=0, addresses=[]),
        IPv6ExtHdrDestOpt(),
    ),
    "hop-by-hop in the second place": (IPv6ExtHdrDestOpt(), IPv6ExtHdrHopByHop()),
}
SIZES = (1279, 1280, 1281, 1399, 1400, 1401, 1440, 1441, 1460, 1461, 1500)  # of the IP packet


def tcp(bits: str, payload: bytes = b"", /, *, port: int = PORT, before: Any = (), **ip: Any) -> Packet:
    """A segment from a client to the VIP, port 80."""
    segment = TCP(sport=port, dport=80, flags=bits, seq=1000, ack=77000 if "A" in bits else 0, window=64240)
    return from_client(V6, *before, segment, Raw(payload), **ip)


def udp(payload: bytes = b"question", *, port: int = PORT, before: Any = (), **ip: Any) -> Packet:
    return from_client(V6, *before, UDP(sport=port, dport=53), Raw(payload), **ip)


def tcp_reply(
    bits: str, payload: bytes = b"", /, *, sport: int = 8000, before: Any = (), **ip: Any
) -> Packet:
    segment = TCP(sport=sport, dport=PORT, flags=bits, seq=77000, ack=1001, window=65160)
    return from_server(V6, *before, segment, Raw(payload), **ip)


def udp_reply(payload: bytes = b"answer", *, sport: int = 5300, before: Any = (), **ip: Any) -> Packet:
    return from_server(V6, *before, UDP(sport=sport, dport=PORT), Raw(payload), **ip)


def web(method: ForwardingMethod, *servers: str, **more: Any) -> Setting:
    return setting(service(*to(method, *(servers or (V6.one,))), family=V6), **more)


def names(method: ForwardingMethod, *servers: str, **more: Any) -> Setting:
    chosen = to(method, *(servers or (V6.one,)), port=53)
    return setting(service(*chosen, family=V6, protocol=Protocol.UDP, port=53), **more)


def segments(payload: bytes = b"", **ip: Any) -> Packet:
    return tcp("PA", payload, **ip)


def answers(payload: bytes = b"", **ip: Any) -> Packet:
    return tcp_reply("PA", payload, **ip)


def of_each_field(made: Made) -> list[Packet]:
    return [made(b"abc", **fields) for fields in FIELDS.values()]


def of_each_extension(made: Made) -> list[Packet]:
    return [made(b"abcd", before=headers) for headers in EXTENSIONS.values()]


def of_each_size(made: Made) -> list[Packet]:
    header = len(made(b"")) - 14
    return [made(b"x" * (size - header)) for size in SIZES]


def of_each_checksum(made: Made) -> list[Packet]:
    """Right, wrong, absent, over an odd length, and with Ethernet's padding."""
    plain = made(b"odd")
    frames = [plain, explicit(plain) / Raw(b"\0" * 6)]
    layer = TCP if TCP in plain else UDP
    for value in (0, 0xFFFF, plain[layer].chksum ^ 0x0101):
        frame = Ether(bytes(plain))
        frame[layer].chksum = value
        frames.append(frame)
    return frames


def of_each_lie(made: Made) -> list[Packet]:
    """Lengths that are not the packet's, another version, and packets cut short."""
    plain = bytes(made(b"payload"))
    lengths = (0, 1, 8, 20, len(plain) - 54 - 1, len(plain) - 54 + 1, 0xFFFF)
    lies = [plain[:18] + length.to_bytes(2, "big") + plain[20:] for length in lengths]
    lies += [plain[:14] + bytes([first]) + plain[15:] for first in (0x40, 0x45, 0x50, 0xF0)]
    lies += [plain[:length] for length in (15, 33, 53, 54, 55, 58, 61, 62, 66, 67, 73)]
    return [Raw(lie) for lie in lies]


FRAMES = {
    "header fields": of_each_field,
    "extension headers": of_each_extension,
    "sizes": of_each_size,
    "checksums": of_each_checksum,
    "lies": of_each_lie,
}
METHODS = tuple(ForwardingMethod)


def inwards() -> Iterator[Exchange]:
    for method in METHODS:
        for what, made in FRAMES.items():
            yield Exchange(
                f"IPv6 TCP by {method.value}: {what}",
                web(method),
                arriving(OUTSIDE, tcp("S"), tcp("A"), *made(segments)),
            )
            yield Exchange(
                f"IPv6 UDP by {method.value}: {what}", names(method), arriving(OUTSIDE, udp(), *made(udp))
            )


def outwards() -> Iterator[Exchange]:
    for what, made in FRAMES.items():
        yield Exchange(
            f"IPv6 TCP replies: {what}",
            web(NAT),
            (*arriving(OUTSIDE, tcp("S"), tcp("A")), *arriving(INSIDE, *made(answers))),
        )
        yield Exchange(
            f"IPv6 UDP replies: {what}",
            names(NAT),
            (*arriving(OUTSIDE, udp()), *arriving(INSIDE, *made(udp_reply))),
        )


def narrow() -> Iterator[Exchange]:
    for method in METHODS:
        for mtu in (1280, 1400):
            yield Exchange(
                f"IPv6 TCP by {method.value}: sizes, over a path of {mtu} bytes",
                web(method).with_mtu(mtu),
                arriving(OUTSIDE, tcp("S"), tcp("A"), *of_each_size(segments)),
            )
        yield Exchange(
            f"IPv6 UDP by {method.value}: sizes, over a path of 1400 bytes",
            names(method).with_mtu(1400),
            arriving(OUTSIDE, udp(), *of_each_size(udp)),
        )


def first_frames() -> Iterator[Exchange]:
    bits = ("S", "SA", "A", "F", "FA", "R", "RA", "", "SF", "SR", "PA")
    for sloppy in (0, 1):
        for method in METHODS:
            yield Exchange(
                f"IPv6 by {method.value}, sloppy_tcp {sloppy}: each flag on a first segment",
                web(method, tunables=Tunables(sloppy_tcp=sloppy)),
                arriving(OUTSIDE, *(tcp(each, port=41000 + n) for n, each in enumerate(bits))),
            )
    yield Exchange(
        "IPv6 TCP to a service without a destination",
        setting(service(family=V6)),
        arriving(OUTSIDE, *(tcp(each) for each in bits), tcp("S", b"x" * 1400), tcp("S", hops=1)),
    )
    yield Exchange(
        "IPv6 UDP to a service without a destination",
        setting(service(family=V6, protocol=Protocol.UDP, port=53)),
        arriving(OUTSIDE, udp(), udp(tos=0xFF), udp(hops=1), udp(b"x" * 1400), udp(client=V6.router)),
    )
    for method in METHODS:
        openings = [tcp("S", port=41000 + n, **fields) for n, fields in enumerate(FIELDS.values())]
        openings += [tcp("S", port=42000 + n, before=each) for n, each in enumerate(EXTENSIONS.values())]
        yield Exchange(f"IPv6 SYNs by {method.value}", web(method), arriving(OUTSIDE, *openings))


SOURCES = (
    "::",
    "::1",
    "::ffff:198.51.100.7",
    "fe80::7",
    "fec0::7",
    "fc00::7",
    "ff02::1",
    "ff0e::1",
    "100::1",
    V6.vip,
    V6.director,
)


def odd_addresses() -> Iterator[Exchange]:
    for state, given in (
        ("with", names(DR)),
        ("without", setting(service(family=V6, protocol=Protocol.UDP, port=53))),
    ):
        yield Exchange(
            f"odd IPv6 sources to a service {state} a destination",
            given,
            arriving(OUTSIDE, *(udp(client=source) for source in SOURCES)),
        )
    yield Exchange(
        "odd IPv6 sources of segments without a connection",
        web(DR),
        arriving(OUTSIDE, *(tcp("A", client=source) for source in SOURCES)),
    )
    yield Exchange(
        "IPv6 to other addresses and ports than the service's",
        web(DR),
        arriving(
            OUTSIDE,
            *(tcp("S", target=each) for each in (V6.second_vip, V6.one, "2001:db8:e::1", "ff02::1", "::1")),
            from_client(V6, TCP(sport=PORT, dport=81, flags="S")),
            from_client(V6, UDP(sport=PORT, dport=80), Raw(b"x")),
        ),
    )


def of_the_stack() -> Iterator[Exchange]:
    """Neighbour discovery and pings about a VIP are the host's."""
    group = "ff02::1:ff00:1"
    solicit = Ether(src=ROUTER_MAC, dst="33:33:ff:00:00:01") / IPv6(src=V6.router, dst=group, hlim=255)
    neighbour = solicit / ICMPv6ND_NS(tgt=V6.vip) / ICMPv6NDOptSrcLLAddr(lladdr=ROUTER_MAC)
    unicast = from_client(V6, ICMPv6ND_NS(tgt=V6.vip), client=V6.router, hops=255)
    advertised = from_client(V6, ICMPv6ND_NA(tgt=V6.router), client=V6.router, hops=255)
    pings = [
        from_client(V6, ICMPv6EchoRequest(id=7, seq=1, data=b"abcdefgh"), target=target, hops=hops)
        for target in (V6.vip, "2001:db8:f::2", V6.one)
        for hops in (64, 1)
    ]
    yield Exchange(
        "neighbour discovery and pings beside an IPv6 service",
        web(DR),
        arriving(OUTSIDE, explicit(neighbour), unicast, advertised, *pings),
    )


def beside_ipv4() -> Iterator[Exchange]:
    """The same client port to one service of each family."""
    both = setting(service(*to(NAT, V6.one), family=V6), service(*to(NAT, "10.0.0.11")))
    yield Exchange(
        "a service of each family, and clients of both",
        both,
        arriving(OUTSIDE, tcp("S"), tcp4("S"), tcp("A"), tcp4("A"), tcp("FA"), tcp4("R")),
    )


def replies_of_strangers() -> Iterator[Exchange]:
    """NAT: packets from a server's port that belong to no connection, and from its other ports."""
    yield Exchange(
        "IPv6 by nat: segments from inside outside any connection",
        web(NAT),
        (
            *arriving(INSIDE, tcp_reply("SA"), tcp_reply("R"), tcp_reply("SA", sport=8001)),
            *arriving(OUTSIDE, tcp("S")),
            *arriving(INSIDE, tcp_reply("SA"), tcp_reply("SA", sport=8001), tcp_reply("SA", hops=1)),
        ),
    )


EXCHANGES = (
    *inwards(),
    *outwards(),
    *narrow(),
    *first_frames(),
    *odd_addresses(),
    *of_the_stack(),
    *beside_ipv4(),
    *replies_of_strangers(),
)
