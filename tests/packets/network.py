# SPDX-License-Identifier: Apache-2.0
"""The small network that every packet case lives in, and short ways to say a configuration.

A client beyond a router on the OUTSIDE interface, real servers on the INSIDE one. Knows the model's nouns and
nothing of the data path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from netaddr import EUI, IPAddress
from netaddr import mac_unix_expanded as unix

from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    MarkRule,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    Timeouts,
    Tunables,
    VirtualService,
)

OUTSIDE, INSIDE = 3, 4  # interface indexes

VIP = "192.0.2.1"
CLIENT = "198.51.100.7"
OTHER_CLIENT = "198.51.100.8"
ROUTER = "203.0.113.1"  # some router on the way, the author of ICMP errors
DIRECTOR = "10.0.0.1"  # the director's address inside, the source of its tunnels
SERVERS = ("10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14")
ONE, TWO, THREE, FOUR = SERVERS
DIRECTOR6 = "fd00::1"  # the same by IPv6; network_ipv6.py has the rest
SERVERS6 = ("fd00::11", "fd00::12", "fd00::13", "fd00::14")
ALL_SERVERS = (*SERVERS, *SERVERS6)

OUTSIDE_MAC = "02:00:00:00:01:01"  # the director's
INSIDE_MAC = "02:00:00:00:02:01"  # the director's
ROUTER_MAC = "02:00:00:00:01:fe"  # where the clients' frames come from
SERVER_MACS: Mapping[str, str] = MappingProxyType(
    {
        server: f"02:00:00:00:02:{number:02x}"
        for servers in (SERVERS, SERVERS6)
        for number, server in enumerate(servers, start=0x11)
    }
)

OWN = frozenset(
    IPAddress(one) for one in (VIP, DIRECTOR, DIRECTOR6, "2001:db8::1", "2001:db8:a::1", "127.0.0.1")
)
"""Addresses of the director itself; VIPs are."""

MTU = 1500


def director_towards(server: str) -> str:
    """Return the director's address of a server's family."""
    return DIRECTOR6 if ":" in server else DIRECTOR


def hop(server: str, *, interface: int = INSIDE, mtu: int = MTU) -> NextHop:
    """Say how the director reaches a real server."""
    return NextHop(
        interface=interface,
        source_mac=EUI(INSIDE_MAC if interface == INSIDE else OUTSIDE_MAC, dialect=unix),
        destination_mac=EUI(SERVER_MACS[server], dialect=unix),
        source=IPAddress(director_towards(server)),
        mtu=mtu,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What the director knows: the operator's wish, and the next hop of each real server that has one."""

    configuration: Configuration
    hops: Mapping[IPAddress, NextHop]

    def without_hop(self, server: str) -> Setting:
        """Forget the way to a real server: its neighbour is not resolved."""
        return replace(self, hops=MappingProxyType({a: h for a, h in self.hops.items() if str(a) != server}))

    def with_hop(self, server: str, way: NextHop) -> Setting:
        return replace(self, hops=MappingProxyType({**self.hops, IPAddress(server): way}))

    def with_mtu(self, mtu: int) -> Setting:
        return replace(self, hops=MappingProxyType({a: replace(h, mtu=mtu) for a, h in self.hops.items()}))


def setting(
    *services: VirtualService,
    tunables: Tunables | None = None,
    timeouts: Timeouts | None = None,
    marks: tuple[MarkRule, ...] = (),
) -> Setting:
    """Make a setting in which every real server can be reached on the INSIDE interface."""
    return Setting(
        configuration=Configuration(
            services=services,
            tunables=tunables or Tunables(),
            timeouts=timeouts or Timeouts(),
            marks=marks,
        ),
        hops=MappingProxyType({IPAddress(server): hop(server) for server in ALL_SERVERS}),
    )


def destination(
    address: str, method: ForwardingMethod = ForwardingMethod.DR, port: int = 80, weight: int = 1
) -> Destination:
    return Destination(address=IPAddress(address), port=port, method=method, weight=weight)


def service(
    *destinations: Destination,
    protocol: Protocol = Protocol.TCP,
    port: int = 80,
    scheduler: Scheduler = Scheduler.RR,
    address: str = VIP,
) -> VirtualService:
    key = ServiceKey(protocol=protocol, address=IPAddress(address), port=port)
    return VirtualService(key=key, scheduler=scheduler, destinations=destinations)


def web(method: ForwardingMethod, servers: Iterable[str] = SERVERS[:1], port: int = 80) -> VirtualService:
    """A TCP service on VIP:80, round robin; for NAT the servers listen on `port`."""
    return service(*(destination(server, method, port) for server in servers))


def names(method: ForwardingMethod, servers: Iterable[str] = SERVERS[:1], port: int = 53) -> VirtualService:
    """A UDP service on VIP:53, round robin; for NAT the servers listen on `port`."""
    return service(*(destination(server, method, port) for server in servers), protocol=Protocol.UDP, port=53)


def calls(method: ForwardingMethod, servers: Iterable[str] = SERVERS[:1], port: int = 9000) -> VirtualService:
    """An SCTP service on VIP:9000, round robin; for NAT the servers listen on `port`."""
    return service(
        *(destination(server, method, port) for server in servers), protocol=Protocol.SCTP, port=9000
    )
