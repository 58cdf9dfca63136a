# SPDX-License-Identifier: Apache-2.0
"""Bring events to the engine and its commands to the shells, one turn at a time.

Events that wait together are taken together, so that a burst gives one image. Links are followed here as well
as in the engine: an interface has to be taken before the engine's orders can speak of it. An order that fails
is logged and the rest are carried out: half a network is better than none.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable, Sequence

import structlog
from pyroute2.netlink.exceptions import NetlinkError

from director.commands import Command
from director.daemon.errors import DaemonError
from director.daemon.interfaces import Interfaces
from director.daemon.orders import Orders
from director.daemon.scouting import Scout
from director.engine import Engine
from director.events import ConfigurationApplied, Event, LinkChanged, LinkRemoved
from director.host.addresses import Addresses
from director.model import Configuration

log = structlog.get_logger()

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
Failures = tuple[OSError | NetlinkError, ...]


class Conductor:
    """The turns. `events` is the queue that every shell emits to."""

    def __init__(
        self,
        engine: Engine,
        orders: Orders,
        interfaces: Interfaces,
        addresses: Addresses,
        scout: Scout,
        events: asyncio.Queue[Event],
    ) -> None:
        self._engine = engine
        self._orders = orders
        self._interfaces = interfaces
        self._addresses = addresses
        self._scout = scout
        self._events = events
        self._turn = asyncio.Lock()

    async def apply(self, configuration: Configuration) -> None:
        """Put a configuration in force; DaemonError when the machine did not take all of it, ENOSPC
        where a file found no room.
        """
        ways = await self._scout.ways(self._engine.new_addresses(configuration))
        failures = await self._take(self._waiting(ConfigurationApplied(configuration), *ways))
        if failures:
            full = any(isinstance(one, OSError) and one.errno in NO_ROOM for one in failures)
            raise DaemonError(errno.ENOSPC if full else errno.EIO, "; ".join(map(str, failures)))

    async def attend(self) -> None:
        """Take events as they come, until cancelled."""
        while True:
            first = await self._events.get()
            try:
                await self._take((first, *self._waiting()))
            except (OSError, NetlinkError) as error:  # the orders went on; what broke is an interface's
                log.error("interface not followed", why=str(error))

    def _waiting(self, *last: Event) -> tuple[Event, ...]:
        """Empty the queue; `last` comes after all that is older."""
        waiting = [self._events.get_nowait() for _ in range(self._events.qsize())]
        return (*waiting, *last)

    async def _take(self, events: Sequence[Event]) -> Failures:
        async with self._turn:
            try:
                await self._follow_links(events)
            finally:
                failures = await self._carry_out(self._engine.handle_all(events))
            return failures

    async def _follow_links(self, events: Iterable[Event]) -> None:
        taken = False
        for event in events:
            if isinstance(event, LinkChanged):
                taken |= await self._interfaces.link_changed(event.link)
                self._orders.announce_on(event.link)
            elif isinstance(event, LinkRemoved):
                await self._interfaces.let_go(event.index)
                self._addresses.forget(event.index)
        if taken:
            await self._orders.hold_addresses()

    async def _carry_out(self, commands: Iterable[Command]) -> Failures:
        failures: list[OSError | NetlinkError] = []
        for command in commands:
            try:
                await self._orders.carry_out(command)
            except (OSError, NetlinkError) as error:
                log.error("order failed", order=type(command).__name__, why=str(error))
                failures.append(error)
        return tuple(failures)
