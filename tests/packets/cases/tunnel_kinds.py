# SPDX-License-Identifier: Apache-2.0
"""GRE and GUE beside IP in IP, with either family outside and inside: headers, sizes, and what is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from netaddr import IPAddress
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

from director.model import (
    Destination,
    ForwardingMethod,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from tests.packets import frames, frames_ipv6, network, network_ipv6, transform_ipv6
from tests.packets.case import Case, Departure, Packet, Send, own_id, sends
from tests.packets.network import INSIDE, INSIDE_MAC, OUTSIDE, SERVER_MACS, Setting, setting
from tests.packets.transform import aged, fragmentation_needed, fragments_of, to_hop
from tests.packets.tunnels import CHOSEN

TUN = ForwardingMethod.TUN
NONE, CHECKSUM, REMOTE = TunnelChecksum
KINDS = {
    "ipip": Tunnel(),
    "gre": Tunnel(TunnelType.GRE),
    "gre with a checksum": Tunnel(TunnelType.GRE, 0, CHECKSUM),
    "gue": Tunnel(TunnelType.GUE, 6080),
    "gue with a checksum": Tunnel(TunnelType.GUE, 6080, CHECKSUM),
    "gue with remote checksum": Tunnel(TunnelType.GUE, 6080, REMOTE),
}
OVERHEADS = {"ipip": 0, "gre": 4, "gre with a checksum": 8}  # GUE: 12
FAMILIES = (4, 6)
SERVERS = {4: network.ONE, 6: network_ipv6.ONE}
DIRECTORS = {4: network.DIRECTOR, 6: network_ipv6.DIRECTOR}


@dataclass(frozen=True)
class Way:
    """A tunnel of a kind, with a family inside and one outside."""

    inner: int
    outer: int
    kind: str

    def __str__(self) -> str:
        return f"IPv{self.inner} in IPv{self.outer} by {self.kind}"

    @property
    def overhead(self) -> int:
        return (20 if self.outer == 4 else 40) + OVERHEADS.get(self.kind, 12)

    def setting(self, **tunables: int) -> Setting:
        net = network if self.inner == 4 else network_ipv6
        base = net.web(TUN)
        server = Destination(
            address=IPAddress(SERVERS[self.outer]), port=80, method=TUN, weight=1, tunnel=KINDS[self.kind]
        )
        service: VirtualService = replace(base, destinations=(server,))
        return setting(service, tunables=Tunables(**tunables))


WAYS = tuple(Way(inner, outer, kind) for inner in FAMILIES for outer in FAMILIES for kind in KINDS)


def tcp(family: int, bits: str, payload: bytes = b"", **ip: Any) -> Packet:
    made = frames.tcp if family == 4 else frames_ipv6.tcp
    return made(bits, payload, **ip)


def sized(family: int, length: int, **ip: Any) -> Packet:
    headers = 40 if family == 4 else 60
    return tcp(family, "A", bytes(number % 251 for number in range(length - headers)), **ip)


def inside(frame: Packet) -> Packet:
    """The packet as it goes into the tunnel, a hop less to live."""
    if frame.type == 0x0800:
        return aged(frame)
    return IPv6(transform_ipv6.aged(transform_ipv6.packet_of(frame)))


def between(way: Way, packet: Packet) -> Packet:
    """What stands between the two IP headers, and the packet; the GUE source port is CHOSEN."""
    number, kind = (4, 0x0800) if way.inner == 4 else (41, 0x86DD)
    if way.kind == "ipip":
        return Raw(bytes(packet))
    if way.kind.startswith("gre"):
        return GRE(proto=kind, chksum_present=int("checksum" in way.kind)) / Raw(bytes(packet))
    header = (
        UDP(sport=CHOSEN, dport=6080) if "checksum" in way.kind else UDP(sport=CHOSEN, dport=6080, chksum=0)
    )
    return header / Raw(bytes((0, number, 0, 0)) + bytes(packet))


def outer(way: Way, packet: Packet, *, may_cut: bool = False) -> Packet:
    number = {"gre": 47, "gue": 17}.get(way.kind[:3], 4 if way.inner == 4 else 41)
    ttl = packet.ttl if way.inner == 4 else packet.hlim
    tos = packet.tos if way.inner == 4 else packet.tc
    tos = tos & 0xFC | 2 if tos & 3 == 3 else tos
    forbids = way.inner == 4 and bool(packet.flags & 2) and not may_cut
    if way.outer == 6:
        return IPv6(src=DIRECTORS[6], dst=SERVERS[6], nh=number, hlim=ttl, tc=tos) / between(way, packet)
    flags = "DF" if forbids else 0
    header = IP(src=DIRECTORS[4], dst=SERVERS[4], proto=number, ttl=ttl, tos=tos, flags=flags, id=0)
    return header / between(way, packet)


def tunnelled(way: Way, frame: Packet) -> Departure:
    server = SERVERS[way.outer]
    made = Ether(src=INSIDE_MAC, dst=SERVER_MACS[server]) / outer(way, inside(frame))
    is_free = way.outer == 4 and (way.inner == 6 or not frame[IP].flags & 2)
    return Departure(bytes(made), free_id=is_free)


def too_big(way: Way, frame: Packet) -> Packet:
    room = 1500 - way.overhead
    return fragmentation_needed(frame, room) if way.inner == 4 else transform_ipv6.too_big(frame, room)


def headers() -> Iterator[Case]:
    for way in WAYS:
        mark: dict[str, Any] = {"tos": 0xFF} if way.inner == 4 else {"tc": 0xFF}
        marked = tcp(way.inner, "A", **mark)
        frames_ = (tcp(way.inner, "S"), tcp(way.inner, "PA", b"x"), marked)
        yield Case(
            f"{way}: every packet is wrapped, and keeps all that it is",
            way.setting(),
            tuple(
                Send(at, OUTSIDE, frame, sends(INSIDE, tunnelled(way, frame)))
                for at, frame in enumerate(frames_)
            ),
        )


def sizes() -> Iterator[Case]:
    for way in WAYS:
        room = 1500 - way.overhead
        fits, is_larger = sized(way.inner, room), sized(way.inner, room + 1)
        yield Case(
            f"{way}: {room} bytes fit, and of more the client is told",
            way.setting(),
            (
                Send(0, OUTSIDE, tcp(way.inner, "S"), sends(INSIDE, tunnelled(way, tcp(way.inner, "S")))),
                Send(1, OUTSIDE, fits, sends(INSIDE, tunnelled(way, fits))),
                Send(2, OUTSIDE, is_larger, sends(OUTSIDE, own_error(way, is_larger), reason="too_big")),
            ),
        )


def own_error(way: Way, frame: Packet) -> Departure:
    return Departure(bytes(too_big(way, frame)), free_id=way.inner == 4)


def pieces(way: Way, frame: Packet) -> tuple[Departure, ...]:
    packet = IP(bytes(outer(way, inside(frame), may_cut=True)))
    return tuple(own_id(to_hop(piece, network.hop(SERVERS[4]))) for piece in fragments_of(packet, 1500))


def cut() -> Iterator[Case]:
    """Undiscovered paths: IPv4 packets in tunnels are cut, whatever they say."""
    for kind in ("ipip", "gre", "gue"):
        way = Way(4, 4, kind)
        syn, large = tcp(4, "S"), sized(4, 1500)
        to_server = Ether(src=INSIDE_MAC, dst=SERVER_MACS[SERVERS[4]])
        free = own_id(to_server / outer(way, inside(syn), may_cut=True))
        yield Case(
            f"{way}: with pmtu_disc 0 the outer packet may be cut",
            way.setting(pmtu_disc=0),
            (Send(0, OUTSIDE, syn, sends(INSIDE, free)),),
        )
        yield Case(
            f"{way}: with pmtu_disc 0 the outer packet is cut although the inner one forbids it",
            way.setting(pmtu_disc=0),
            (
                Send(0, OUTSIDE, syn, sends(INSIDE, free)),
                Send(1, OUTSIDE, large, sends(INSIDE, *pieces(way, large))),
            ),
        )


CASES = (*headers(), *sizes(), *cut())
