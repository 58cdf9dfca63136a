# SPDX-License-Identifier: Apache-2.0
"""Carry out the engine's commands: each kind is one call of one shell, and the table below says which.

Questions to the network are asked in the background, one after the other, so that a configuration with a
thousand servers is in force at once; the answers come back as events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.commands import (
    Command,
    EndConnections,
    Level,
    Log,
    Remember,
    ResetIds,
    ResolveRoute,
    SetAddresses,
    SetGuard,
    SolicitNeighbour,
    SwapTables,
)
from director.daemon.keeping import Keeper
from director.datapath.attachment import Attachments
from director.datapath.guard import Guard
from director.events import Event, RouteResolved
from director.host.addresses import Addresses, HeldAddress
from director.host.announce import announce
from director.host.neighbours import Neighbours
from director.host.routes import resolve_route
from director.host.watcher import Watcher
from director.model import Link

log = structlog.get_logger()

TOGETHER = 0.2
"""Seconds for which answers are gathered as long as there are more questions."""


Announcing = Callable[[Link, tuple[IPAddress, ...]], Coroutine[Any, Any, None]]


class Tables(Protocol):
    """Where a data path takes its orders."""

    def swap(self, image: bytes) -> None: ...

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None: ...

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None: ...

    def end(self, destinations: tuple[int, ...]) -> int: ...

    def settle(self) -> None:
        """Take away what one before left and nothing needs, now that an image is in force everywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Shells:
    """All that does."""

    kernel: AsyncIPRoute
    watcher: Watcher
    neighbours: Neighbours
    addresses: Addresses
    guard: Guard
    tables: Tables
    attachments: Attachments
    keeper: Keeper


class Orders:
    """The way from a command to its shell. `emit` takes the answers, `announcing` tells who holds a VIP."""

    def __init__(
        self, shells: Shells, emit: Callable[[Event], None], announcing: Announcing = announce
    ) -> None:
        self._shells = shells
        self._emit = emit
        self._announcing = announcing
        self._questions: dict[ResolveRoute | SolicitNeighbour, None] = {}
        self._wondering = asyncio.Event()
        self._announcements: set[asyncio.Task[None]] = set()
        self._announced: dict[HeldAddress, EUI] = {}
        self._vips: frozenset[IPAddress] = frozenset()
        self.generation = 0
        self._calls: Mapping[type, Callable[[Any], Awaitable[None]]] = {
            SwapTables: self._swap,
            ResetIds: self._reset,
            EndConnections: self._end,
            Remember: shells.keeper.remember,
            SetGuard: self._guard,
            SetAddresses: self._addresses,
            ResolveRoute: self._wonder,
            SolicitNeighbour: self._wonder,
            Log: self._log,
        }

    async def carry_out(self, command: Command) -> None:
        await self._calls[type(command)](command)

    async def hold_addresses(self) -> None:
        """Hold the VIPs that are wanted; also when an interface came that may hold them."""
        links, bound = self._shells.watcher.links, await self._shells.addresses.hold(self._vips)
        for held in bound:
            link = links.get(held.interface)
            log.info("address bound", address=str(held.address), interface=link.name if link else "?")
            self._announced.pop(held, None)
        for index in dict.fromkeys(held.interface for held in bound):
            if index in links:
                self.announce_on(links[index])

    def announce_on(self, link: Link) -> None:
        """Announce the VIPs held on a link, unless they were by this MAC; a link that is down waits."""
        held = self._shells.addresses.held
        self._announced = {one: mac for one, mac in self._announced.items() if one in held}
        if not link.up or link.mac is None:
            return
        here = [one for one in held if one.interface == link.index]
        news = sorted(one.address for one in here if self._announced.get(one) != link.mac)
        self._announced |= dict.fromkeys(here, link.mac)
        if news:
            self._announce(self._announcing(link, tuple(news)))

    async def ask(self) -> None:
        """Ask the questions as they come, until cancelled; one that fails waits for the next change."""
        while True:
            await self._wondering.wait()
            for answer in await self._answers():
                self._emit(answer)

    async def _answers(self) -> list[Event]:
        """Ask what waits, for a while: answers told together cost one table image, and not one each."""
        answers: list[Event] = []
        end = asyncio.get_running_loop().time() + TOGETHER
        while self._questions and asyncio.get_running_loop().time() < end:
            question = next(iter(self._questions))
            del self._questions[question]
            try:
                answers += await self._ask(question)
            except (OSError, NetlinkError) as error:
                log.warning("question to the kernel failed", question=str(question), why=str(error))
        if not self._questions:
            self._wondering.clear()
        return answers

    async def stop(self) -> None:
        for task in tuple(self._announcements):
            task.cancel()
        await asyncio.gather(*self._announcements, return_exceptions=True)

    async def _wonder(self, question: ResolveRoute | SolicitNeighbour) -> None:
        """Let this be asked; what waits to be asked already is not asked twice."""
        self._questions[question] = None
        self._wondering.set()

    async def _ask(self, question: ResolveRoute | SolicitNeighbour) -> tuple[Event, ...]:
        shells = self._shells
        if isinstance(question, SolicitNeighbour):
            await shells.neighbours.solicit(question.interface, question.address)
            return ()
        route = await resolve_route(shells.kernel, question.destination, shells.watcher.links)
        return (RouteResolved(question.destination, route),)

    async def _swap(self, command: SwapTables) -> None:
        tables = self._shells.tables
        tables.swap(command.image)
        await self._shells.attachments.renew()
        tables.settle()
        tables.apply_wrr(command.wrr_changes)
        self.generation = command.generation

    async def _reset(self, command: ResetIds) -> None:
        self._shells.tables.reset(command.services, command.destinations)

    async def _end(self, command: EndConnections) -> None:
        self._shells.tables.end(command.destinations)

    async def _guard(self, command: SetGuard) -> None:
        self._shells.guard.set(command)

    async def _addresses(self, command: SetAddresses) -> None:
        self._vips = command.addresses
        await self.hold_addresses()

    async def _log(self, command: Log) -> None:
        say = log.warning if command.level is Level.WARNING else log.info
        say(command.event, **dict(command.fields))

    def _announce(self, announcing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(announcing)
        self._announcements.add(task)
        task.add_done_callback(self._announcements.discard)
