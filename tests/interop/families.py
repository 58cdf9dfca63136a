# SPDX-License-Identifier: Apache-2.0
"""The lab of the packet table in both families, and short ways to say settings and frames of either.

An exchange that is to hold for IPv4 and IPv6 alike is written once, with a Family.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from netaddr import EUI, IPAddress
from netaddr import mac_unix_expanded as unix
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from director.model import (
    Destination,
    ForwardingMethod,
    MarkRule,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    VirtualService,
)
from tests.packets import network
from tests.packets.case import Packet
from tests.packets.frames import explicit, ipv4, outside
from tests.packets.network import INSIDE, INSIDE_MAC, MTU, SERVER_MACS, Setting

SERVER_NUMBERS = (0x11, 0x12, 0x13, 0x14)


@dataclass(frozen=True, slots=True)
class Family:
    """One family's addresses; `header` is the length of its IP header."""

    version: int
    header: int
    vip: str
    second_vip: str
    client: str
    other_client: str
    far_client: str  # another network's
    router: str
    director: str
    inside_router: str
    servers: tuple[str, ...]

    @property
    def one(self) -> str:
        return self.servers[0]

    @property
    def two(self) -> str:
        return self.servers[1]


V4 = Family(
    version=4,
    header=20,
    vip=network.VIP,
    second_vip="192.0.2.2",
    client=network.CLIENT,
    other_client=network.OTHER_CLIENT,
    far_client="198.51.100.135",
    router=network.ROUTER,
    director=network.DIRECTOR,
    inside_router="10.0.0.254",
    servers=network.SERVERS,
)
V6 = Family(
    version=6,
    header=40,
    vip="2001:db8::1",
    second_vip="2001:db8::2",
    client="2001:db8:c::7",
    other_client="2001:db8:c::8",
    far_client="2001:db8:c:1::7",
    router="2001:db8:f::1",
    director="2001:db8:a::1",
    inside_router="2001:db8:a::fe",
    servers=tuple(f"2001:db8:a::{number:x}" for number in SERVER_NUMBERS),
)
FAMILIES = (V4, V6)
MACS = MappingProxyType(
    {
        server: SERVER_MACS[network.SERVERS[number]]
        for family in FAMILIES
        for number, server in enumerate(family.servers)
    }
)
MARKED = {4: "198.18.1.0/24", 6: "2001:db8:18::/64"}  # networks whose packets mark rules may choose


def family_of(address: str) -> Family:
    return V6 if ":" in address else V4


def hop(server: str, mtu: int = MTU) -> NextHop:
    """Say how the director reaches a real server of either family."""
    return NextHop(
        interface=INSIDE,
        source_mac=EUI(INSIDE_MAC, dialect=unix),
        destination_mac=EUI(MACS[server], dialect=unix),
        source=IPAddress(family_of(server).director),
        mtu=mtu,
    )


def setting(
    *services: VirtualService,
    tunables: Tunables | None = None,
    timeouts: Timeouts | None = None,
    marks: tuple[MarkRule, ...] = (),
) -> Setting:
    """Make a setting in which the real servers of both families can be reached."""
    made = network.setting(*services, tunables=tunables, timeouts=timeouts, marks=marks)
    return replace(made, hops=MappingProxyType({IPAddress(server): hop(server) for server in MACS}))


def destination(
    address: str,
    method: ForwardingMethod = ForwardingMethod.DR,
    port: int = 80,
    weight: int = 1,
    tunnel: Tunnel | None = None,
    **limits: int,
) -> Destination:
    return Destination(
        address=IPAddress(address),
        port=port,
        method=method,
        weight=weight,
        tunnel=tunnel or Tunnel(),
        **limits,
    )


def service(
    *destinations: Destination,
    family: Family = V4,
    protocol: Protocol = Protocol.TCP,
    port: int = 80,
    scheduler: Scheduler = Scheduler.RR,
    **more: Any,
) -> VirtualService:
    key = ServiceKey(protocol=protocol, address=IPAddress(family.vip), port=port)
    made = VirtualService(key=key, scheduler=scheduler, destinations=destinations)
    return replace(made, **more)


def to(method: ForwardingMethod, *servers: str, port: int = 80, **more: Any) -> tuple[Destination, ...]:
    """Destinations by one method; NAT's listen elsewhere than at the service's port."""
    at = port * 100 if method is ForwardingMethod.NAT else port
    return tuple(destination(server, method, at, **more) for server in servers)


def ip(family: Family, source: str, target: str, **fields: Any) -> Packet:
    """An IP header; fields are IPv4's or IPv6's own, `hops` and `tos` either's."""
    hops, tos = fields.pop("hops", 64), fields.pop("tos", 0)
    if family.version == 4:
        return ipv4(source, target, ttl=hops, tos=tos, **fields)
    return IPv6(src=source, dst=target, hlim=hops, tc=tos, fl=fields.pop("fl", 0x12345), **fields)


def from_client(family: Family, *layers: Packet, client: str = "", target: str = "", **fields: Any) -> Packet:
    """A frame from a client to the VIP; layers may begin with IPv6 extension headers."""
    packet = outside() / ip(family, client or family.client, target or family.vip, **fields)
    for layer in layers:
        packet = packet / layer
    return explicit(packet)


def from_server(family: Family, *layers: Packet, server: str = "", target: str = "", **fields: Any) -> Packet:
    """A frame from a real server to the client, by way of the director."""
    source = server or family.one
    packet = from_inside(source) / ip(family, source, target or family.client, **fields)
    for layer in layers:
        packet = packet / layer
    return explicit(packet)


def from_inside(server: str) -> Packet:
    """Ethernet from a real server, or from a router inside whose MAC is of no importance."""
    frame = outside()
    frame.src, frame.dst = MACS.get(server, SERVER_MACS[network.FOUR]), INSIDE_MAC
    return frame


def network_layer(frame: Packet) -> Packet:
    """Return the IP packet in a frame."""
    return frame[IPv6] if IPv6 in frame and frame.type == 0x86DD else frame[IP]
