# SPDX-License-Identifier: Apache-2.0
"""Learn the ways to new destinations before they are put in force.

The engine asks for what it lacks, and its tables wait for nobody: a connection that is scheduled to a server
whose MAC is not known yet loses its first packet, and its client waits a second to send it again. The
kernel's own forwarding would have queued it. So an order that brings new servers first has their routes and
neighbours found out, for as long as that is a matter of milliseconds; what takes longer is not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.events import Event, NeighbourChanged, RouteResolved
from director.host.neighbours import Neighbours
from director.host.routes import resolve_route
from director.host.watcher import Watcher
from director.model import Route

PATIENCE = 0.3
"""Seconds that an order may wait for its servers' ways."""

TAKE_OVER_PATIENCE = 3.0
"""The same, while what a director before this one put on interfaces forwards still."""


class Scout:
    """Goes ahead of the configuration."""

    def __init__(
        self, kernel: AsyncIPRoute, watcher: Watcher, neighbours: Neighbours, patience: float = PATIENCE
    ) -> None:
        self._kernel = kernel
        self._watcher = watcher
        self._neighbours = neighbours
        self._patience = patience

    async def ways(self, addresses: Iterable[IPAddress]) -> tuple[Event, ...]:
        """Return what is learnt about these addresses in time, as the events that tell it."""
        learnt: list[Event] = []
        with suppress(TimeoutError, OSError, NetlinkError):
            async with asyncio.timeout(self._patience):
                for address in addresses:
                    await self._ask(address, learnt.append)
                for event in tuple(learnt):
                    await self._wait(event, learnt.append)
        return tuple(learnt)

    async def _ask(self, address: IPAddress, learn: Callable[[Event], None]) -> None:
        route = await resolve_route(self._kernel, address, self._watcher.links)
        learn(RouteResolved(address, route))
        if isinstance(route, Route):
            await self._neighbours.solicit(route.interface, route.neighbour)

    async def _wait(self, event: Event, learn: Callable[[Event], None]) -> None:
        if isinstance(event, RouteResolved) and isinstance(event.route, Route):
            learn(
                NeighbourChanged(await self._neighbours.found(event.route.interface, event.route.neighbour))
            )
