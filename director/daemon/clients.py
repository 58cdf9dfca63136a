# SPDX-License-Identifier: Apache-2.0
"""Find out where the clients of connections are that another director told of.

A NAT server's replies go back by the way that the client's packets came, and no packet of it has come here
yet. Until one does, the kernel's route and neighbour tables tell. Behind one router are many clients: its way
is taken for all of a /24 (IPv6: a /64), until the client's own packets tell better. What is learnt is
forgotten soon, so that a change of routes needs no care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.host.neighbours import Neighbours
from director.host.routes import resolve_route
from director.model import Link, Route
from director.model.sync import SyncedFlow, Whereabouts

MOST = 65536
"""Connections that wait for their clients to be found."""

PATIENCE = 1.0
"""Seconds in which a neighbour has to answer."""

NETWORK_OCTETS = {4: 3, 16: 8}

Lead = Callable[[SyncedFlow, Whereabouts], object]


class Clients:
    """Clients, and the ways to them. `lead` is told of each connection whose client has been found."""

    def __init__(
        self,
        kernel: AsyncIPRoute,
        links: Callable[[], Mapping[int, Link]],
        neighbours: Neighbours,
        lead: Lead,
    ) -> None:
        self._kernel = kernel
        self._links = links
        self._neighbours = neighbours
        self._lead = lead
        self._ways: dict[bytes, Whereabouts] = {}
        self._lost: dict[bytes, list[SyncedFlow]] = {}
        self._waiting = 0
        self._any = asyncio.Event()

    def of(self, client: bytes) -> Whereabouts | None:
        """Return where this client is, if that is known already."""
        return self._ways.get(client) or self._ways.get(_network(client))

    def look_for(self, flow: SyncedFlow) -> None:
        """Let this connection's client be found; there may be too many who wait for that."""
        if self._waiting < MOST:
            self._waiting += 1
            self._lost.setdefault(_network(flow.caddr), []).append(flow)
            self._any.set()

    async def forget(self) -> None:
        """Ask anew from now on."""
        self._ways.clear()

    async def find(self) -> None:
        """Find clients as they are looked for, until cancelled."""
        while True:
            await self._any.wait()
            while self._lost:
                network = next(iter(self._lost))
                flows = self._lost.pop(network)
                self._waiting -= len(flows)
                with suppress(OSError, NetlinkError):
                    await self._find(network, flows)
            self._any.clear()

    async def _find(self, network: bytes, flows: list[SyncedFlow]) -> None:
        route = await self._route(flows[0].caddr)
        if route is not None and route.gateway is not None:
            await self._ask(network, route, route.gateway, flows)
        elif route is not None:
            for client in dict.fromkeys(flow.caddr for flow in flows):
                theirs = [flow for flow in flows if flow.caddr == client]
                await self._ask(client, route, _address(client), theirs)

    async def _route(self, client: bytes) -> Route | None:
        found = await resolve_route(self._kernel, _address(client), self._links())
        return found if isinstance(found, Route) else None

    async def _ask(
        self, name: bytes, route: Route, neighbour: IPAddress, flows: Iterable[SyncedFlow]
    ) -> None:
        """Have the neighbour found, and lead what waits for it; one that does not answer is left alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._neighbours.solicit(route.interface, neighbour)
                found = await self._neighbours.found(route.interface, neighbour)
            assert found.mac is not None
            way = self._ways[name] = Whereabouts(route.interface, found.mac)
            for flow in flows:
                self._lead(flow, way)


def _network(client: bytes) -> bytes:
    return client[: NETWORK_OCTETS[len(client)]]


def _address(client: bytes) -> IPAddress:
    return IPAddress(int.from_bytes(client, "big"), 4 if len(client) == 4 else 6)
