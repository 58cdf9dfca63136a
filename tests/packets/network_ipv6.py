# SPDX-License-Identifier: Apache-2.0
"""The IPv6 half of the packet cases' network: the same machines, by their other addresses.

Interfaces, MACs and what a setting is stand in network.py, which knows the way to these servers too.
"""

from __future__ import annotations

from collections.abc import Iterable

from netaddr import IPAddress

from director.model import Destination, ForwardingMethod, Protocol, Scheduler, ServiceKey, VirtualService
from tests.packets.network import DIRECTOR6, SERVERS6

VIP = "2001:db8::1"
CLIENT = "2001:db8:7::7"
OTHER_CLIENT = "2001:db8:7::8"
ROUTER = "2001:db8:99::1"
DIRECTOR = DIRECTOR6
SERVERS = SERVERS6
ONE, TWO, THREE, FOUR = SERVERS


def service(
    *destinations: Destination,
    protocol: Protocol = Protocol.TCP,
    port: int = 80,
    scheduler: Scheduler = Scheduler.RR,
) -> VirtualService:
    key = ServiceKey(protocol=protocol, address=IPAddress(VIP), port=port)
    return VirtualService(key=key, scheduler=scheduler, destinations=destinations)


def web(method: ForwardingMethod, servers: Iterable[str] = SERVERS[:1], port: int = 80) -> VirtualService:
    """A TCP service on VIP:80, round robin; for NAT the servers listen on `port`."""
    return service(
        *(Destination(address=IPAddress(one), port=port, method=method, weight=1) for one in servers)
    )


def names(method: ForwardingMethod, servers: Iterable[str] = SERVERS[:1], port: int = 53) -> VirtualService:
    """A UDP service on VIP:53, round robin; for NAT the servers listen on `port`."""
    reals = (Destination(address=IPAddress(one), port=port, method=method, weight=1) for one in servers)
    return service(*reals, protocol=Protocol.UDP, port=53)
