# SPDX-License-Identifier: Apache-2.0
"""TUN by GRE, GUE and IP in IP, in every pair of families: fields, sizes, errors about the outer packet.

And the local node: a destination that is the director itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6ExtHdrDestOpt
from scapy.layers.l2 import GRE
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol, Tunables, Tunnel, TunnelChecksum, TunnelType
from tests.interop.exchange import Exchange, Inject, arriving
from tests.interop.exchanges.clients import answer, datagram, opened, segment
from tests.interop.exchanges.ipv6_errors import cut, error
from tests.interop.exchanges.sctp import packet as sctp_packet
from tests.interop.families import (
    FAMILIES,
    V4,
    V6,
    Family,
    destination,
    from_client,
    from_inside,
    ip,
    network_layer,
    service,
    setting,
)
from tests.packets.case import Apply, Packet
from tests.packets.frames import explicit
from tests.packets.network import INSIDE, OUTSIDE, Setting
from tests.packets.transform import fragments_of

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
PORT, GUE = 40000, 6080
NONE, CHECKSUM, REMOTE = TunnelChecksum
KINDS = {
    "ipip": Tunnel(),
    "gre": Tunnel(TunnelType.GRE),
    "gre with a checksum": Tunnel(TunnelType.GRE, 0, CHECKSUM),
    "gue": Tunnel(TunnelType.GUE, GUE),
    "gue with a checksum": Tunnel(TunnelType.GUE, GUE, CHECKSUM),
    "gue with remote checksum": Tunnel(TunnelType.GUE, GUE, REMOTE),
}
OVERHEADS = {"ipip": 0, "gre": 4, "gre with a checksum": 8, "gue": 12, "gue with a checksum": 12}
PAIRS = tuple(product(FAMILIES, FAMILIES))  # of the packet and of its tunnel
EVERY = tuple((*pair, kind) for pair in PAIRS for kind in KINDS if pair != (V4, V4) or kind != "ipip")


def given(inner: Family, outer: Family, kind: str, protocol: Protocol = Protocol.TCP, **more: Any) -> Setting:
    port = 80 if protocol is Protocol.TCP else 53
    to = destination(outer.one, TUN, port, tunnel=KINDS[kind])
    return setting(service(to, family=inner, protocol=protocol, port=port), **more)


def named(inner: Family, outer: Family, kind: str) -> str:
    return f"IPv{inner.version} in IPv{outer.version} by {kind}"


def tcp(family: Family, bits: str, payload: bytes = b"", **fields: Any) -> Packet:
    layer = TCP(sport=PORT, dport=80, flags=bits, seq=1000, ack=77000 if "A" in bits else 0, window=64240)
    return from_client(family, layer, Raw(payload), **fields)


def udp(family: Family, payload: bytes = b"question", **fields: Any) -> Packet:
    return from_client(family, UDP(sport=PORT, dport=53), Raw(payload), **fields)


def fields_of(family: Family) -> list[dict[str, Any]]:
    both = [{"hops": hops} for hops in (1, 2, 255)] + [{"tos": tos} for tos in (1, 2, 3, 0xB8, 0xFF)]
    if family.version == 6:
        return [*both, {"fl": 0}]
    return [*both, {"flags": 0}, {"flags": 0, "id": 0}, {"id": 0}]


def headers() -> Iterator[Exchange]:
    for inner, outer, kind in EVERY:
        yield Exchange(
            f"{named(inner, outer, kind)}: TCP header fields",
            given(inner, outer, kind),
            arriving(
                OUTSIDE,
                tcp(inner, "S"),
                tcp(inner, "A"),
                *(tcp(inner, "PA", b"abc", **fields) for fields in fields_of(inner)),
            ),
        )
        yield Exchange(
            f"{named(inner, outer, kind)}: UDP, and checksums",
            given(inner, outer, kind, Protocol.UDP),
            arriving(OUTSIDE, udp(inner), *checksums(inner), udp(inner, b"odd")),
        )


def checksums(family: Family) -> Iterator[Packet]:
    for value in (0, 0xFFFF, 0x1234):
        frame = udp(family)
        frame[UDP].chksum = value
        yield frame


def sizes() -> Iterator[Exchange]:
    for inner, outer, kind in EVERY:
        for mtu in (1400, 1500):
            room = mtu - outer.header - OVERHEADS.get(kind, 16)
            steps = [
                tcp(inner, "PA", b"x" * (size - inner.header - 20), **flags)
                for size in (room - 8, room - 1, room, room + 1, room + 8, mtu)
                for flags in (({"flags": "DF"}, {"flags": 0}) if inner is V4 else ({},))
            ]
            yield Exchange(
                f"{named(inner, outer, kind)}: sizes, over a path of {mtu} bytes",
                given(inner, outer, kind).with_mtu(mtu),
                arriving(OUTSIDE, tcp(inner, "S"), tcp(inner, "A"), *steps),
            )


def without_pmtu_disc() -> Iterator[Exchange]:
    for inner, outer in PAIRS:
        for kind in ("ipip", "gre", "gue"):
            steps = [
                tcp(inner, "PA", b"x" * (size - inner.header - 20), **flags)
                for size in (1200, 1400, 1460, 1480, 1500)
                for flags in (({"flags": "DF"}, {"flags": 0}) if inner is V4 else ({},))
            ]
            yield Exchange(
                f"{named(inner, outer, kind)}: sizes, pmtu_disc 0",
                given(inner, outer, kind, tunables=Tunables(pmtu_disc=0)).with_mtu(1400),
                arriving(OUTSIDE, tcp(inner, "S"), tcp(inner, "A"), *steps),
            )


def with_options() -> Iterator[Exchange]:
    for outer, kind in product(FAMILIES, KINDS):
        options = ([IPOption_NOP()] * 4, [IPOption_Router_Alert()])
        yield Exchange(
            f"{named(V4, outer, kind)}: IP options",
            given(V4, outer, kind),
            arriving(OUTSIDE, tcp(V4, "S"), *(tcp(V4, "A", b"abcd", options=each) for each in options)),
        )
        yield Exchange(
            f"{named(V6, outer, kind)}: an extension header",
            given(V6, outer, kind, Protocol.UDP),
            arriving(
                OUTSIDE,
                udp(V6),
                from_client(V6, IPv6ExtHdrDestOpt(), UDP(sport=PORT, dport=53), Raw(b"question")),
            ),
        )


def in_fragments() -> Iterator[Exchange]:
    for inner, outer, kind in EVERY:
        if "checksum" in kind:
            continue
        large = udp(inner, bytes(range(256)) * 10, **({"flags": 0} if inner is V4 else {}))
        if inner is V4:
            pieces = [
                large.__class__(bytes(large)[:14]) / Raw(bytes(each))
                for each in fragments_of(large[IP], 1400)
            ]
        else:
            pieces = cut(large, 1360)
        yield Exchange(
            f"{named(inner, outer, kind)}: fragments",
            given(inner, outer, kind, Protocol.UDP),
            arriving(OUTSIDE, udp(inner), *pieces),
        )


def outer_packet(inner: Family, outer: Family, kind: str) -> bytes:
    """A packet as the tunnel sent it, as a router between director and server quotes it."""
    wrapped = network_layer(tcp(inner, "A", b"x" * 1300, hops=63))
    ether_type = 0x0800 if inner is V4 else 0x86DD
    number = 4 if inner is V4 else 41
    if kind == "ipip":
        return bytes(
            ip(outer, outer.director, outer.one, hops=62, **_next(outer, number)) / Raw(bytes(wrapped))
        )
    if kind.startswith("gre"):
        tunnel = GRE(proto=ether_type, chksum_present=int("checksum" in kind)) / Raw(bytes(wrapped))
        return bytes(ip(outer, outer.director, outer.one, hops=62, **_next(outer, 47)) / tunnel)
    gue = Raw(bytes((0, number, 0, 0)) + bytes(wrapped))
    datagram_ = UDP(sport=50000, dport=GUE, chksum=0) / gue
    return bytes(ip(outer, outer.director, outer.one, hops=62, **_next(outer, 17)) / datagram_)


def _next(family: Family, number: int) -> dict[str, int]:
    return {("proto" if family.version == 4 else "nh"): number}


ERRORS = {
    4: ((3, 4, 1400), (3, 4, 552), (3, 4, 0), (3, 1, 0), (3, 3, 0), (11, 0, 0)),
    6: ((2, 0, 1400), (2, 0, 1280), (1, 0, 0), (1, 4, 0), (3, 0, 0)),
}


def about_the_tunnel() -> Iterator[Exchange]:
    for inner, outer, kind in ((*pair, kind) for pair in PAIRS for kind in KINDS):
        quoted = outer_packet(inner, outer, kind)
        lengths = (outer.header + 8, outer.header + 60, 548)
        errors = [
            Inject(INSIDE, bytes(_error(outer, each, quoted[:length])))
            for length in lengths
            for each in ERRORS[outer.version]
        ]
        after = [
            tcp(inner, "A", b"x" * (size - inner.header - 20), **flags)
            for size in (1300, 1480)
            for flags in (({"flags": "DF"}, {"flags": 0}) if inner is V4 else ({},))
        ]
        yield Exchange(
            f"{named(inner, outer, kind)}: errors about the outer packet",
            given(inner, outer, kind),
            (
                *arriving(OUTSIDE, tcp(inner, "S"), tcp(inner, "A")),
                *errors,
                *arriving(OUTSIDE, *after),
            ),
        )


def _error(family: Family, each: tuple[int, int, int], quoted: bytes) -> Packet:
    kind, code, value = each
    source, target = family.inside_router, family.director
    frame = from_inside(source)
    if family.version == 6:
        layer: Packet = error(kind, code, value, quoted, source, target)
        return explicit(frame / ip(family, source, target, nh=58) / layer)
    header = (
        ICMP(type=kind, code=code, nexthopmtu=value) if (kind, code) == (3, 4) else ICMP(type=kind, code=code)
    )
    return explicit(frame / ip(family, source, target, flags=0) / header / Raw(quoted))


def mixed() -> Iterator[Exchange]:
    """Servers of both families and every kind in one service, and changes between kinds."""
    both = tuple(
        destination(family.servers[n], TUN, 80, tunnel=KINDS[kind])
        for n, kind in enumerate(("ipip", "gre", "gue"))
        for family in FAMILIES
    )
    for family in FAMILIES:
        yield Exchange(
            f"IPv{family.version}: servers of both families by every kind of tunnel",
            setting(service(*both, family=family)),
            tuple(segment(bits, family, port=40000 + n) for n in range(6) for bits in ("S", "A")),
        )
    for old, new in (("ipip", "gue"), ("gue", "gre"), ("gre", "ipip")):
        yield Exchange(
            f"the tunnel changes from {old} to {new} under a living connection",
            given(V4, V4, old),
            (*opened(), Apply(given(V4, V4, new)), segment("A"), segment("S", port=40001)),
        )
    moved = setting(service(destination(V4.one, TUN, 80, tunnel=Tunnel(TunnelType.GUE, GUE + 1))))
    yield Exchange(
        "GUE's port changes under a living connection",
        given(V4, V4, "gue"),
        (*opened(), Apply(moved), segment("A"), segment("S", port=40001)),
    )


def of_sctp() -> Iterator[Exchange]:
    for kind in ("ipip", "gre", "gue", "gue with remote checksum"):
        to = destination(V4.one, TUN, 9000, tunnel=KINDS[kind])
        init = b"\1\0\0\x14" + b"\0\0\x12\x34\0\0\xff\xff\0\1\0\1\0\0\0\1"
        yield Exchange(
            f"SCTP by {kind}",
            setting(service(to, protocol=Protocol.SCTP, port=9000)),
            arriving(OUTSIDE, from_client(V4, Raw(sctp_packet(PORT, 9000, init)), proto=132)),
        )


def local() -> Iterator[Exchange]:
    """A destination that is the director's own address, or the VIP itself: its stack answers."""
    for family, method in product(FAMILIES, ForwardingMethod):
        for name, address in (("its own address", family.director), ("the VIP", family.vip)):
            port = 8000 if method is NAT else 80
            made = service(
                destination(address, method, port), destination(family.one, method, port), family=family
            )
            yield Exchange(
                f"IPv{family.version} local node by {method.value}: {name}",
                setting(made),
                (
                    segment("S", family),
                    segment("S", family, port=40001),
                    segment("A", family),
                    segment("A", family, port=40001),
                    *((answer("SA", family, port=40001),) if method is NAT else ()),
                ),
            )
        udp_port = 5300 if method is NAT else 53
        names = service(
            destination(family.director, method, udp_port), family=family, protocol=Protocol.UDP, port=53
        )
        yield Exchange(
            f"IPv{family.version} local node by {method.value}: UDP",
            setting(names),
            (datagram(family), datagram(family)),
        )


TUNNELS = (*headers(), *sizes(), *without_pmtu_disc(), *with_options(), *in_fragments(), *mixed(), *of_sctp())
OUTER_ERRORS = tuple(about_the_tunnel())
LOCAL = tuple(local())
