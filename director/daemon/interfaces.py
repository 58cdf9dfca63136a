# SPDX-License-Identifier: Apache-2.0
"""Which interfaces the director forwards on, and how one is taken up and let go: the guard first, then the
data path.

An interface that is named is taken whenever it is there and up; without names every Ethernet interface is,
but for ports of bridges and bonds, whose frames the bridge or bond receives. One that goes down stays taken:
its packet socket comes back with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from director.datapath.attachment import Attachments
from director.datapath.errors import DatapathError
from director.host.offloads import Offload, offloads
from director.host.watcher import Watcher
from director.model import Link
from director.model.configuration import Carriage

log = structlog.get_logger()


class Carrier(Protocol):
    """What carries packets on interfaces."""

    def add_interface(self, index: int, filter_fd: int) -> None:
        """Forward what comes in on this interface and passes the filter."""
        ...

    def carriage(self, index: int) -> Carriage:
        """Say what carries this interface's packets, and why."""
        ...

    def remove_interface(self, index: int) -> None:
        """Stop forwarding on this interface, which may be gone already."""
        ...


class Interfaces:
    """The interfaces taken, in the order of their names in the configuration, else of their indices."""

    def __init__(
        self, names: Sequence[str], watcher: Watcher, attachments: Attachments, carrier: Carrier, tap: int
    ) -> None:
        self._names = names
        self._watcher = watcher
        self._attachments = attachments
        self._carrier = carrier
        self._tap = tap
        self._taken: dict[int, Link] = {}
        self._resting = False

    @property
    def taken(self) -> tuple[int, ...]:
        return tuple(sorted(self._taken, key=self._rank))

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the interfaces that were asked for and are not taken."""
        taken = {link.name for link in self._taken.values()}
        return tuple(name for name in self._names if name not in taken)

    def is_no_ethernet(self, name: str) -> bool:
        """Say whether there is such an interface, and it can never be taken."""
        return any(link.name == name and link.mac is None for link in self._watcher.links.values())

    async def take_all(self) -> None:
        """Take every interface that is wanted; DatapathError where one can not be had."""
        for link in tuple(self._watcher.links.values()):
            if self._wanted(link):
                await self._take(link)

    async def rest(self) -> None:
        """Let all go, and take none until there is work again."""
        if not self._resting:
            self._resting = True
            await self.let_all_go()

    async def work(self) -> None:
        """Take interfaces again after a rest; DatapathError where one can not be had."""
        if self._resting:
            self._resting = False
            await self.take_all()

    async def link_changed(self, link: Link) -> bool:
        """Take an interface that came up, and say so; what is refused is tried again at its next change."""
        if link.index in self._taken or not self._wanted(link):
            return False
        try:
            await self._take(link)
        except DatapathError as error:
            log.warning("interface not taken", interface=link.name, why=str(error))
            return False
        return True

    async def let_go(self, index: int) -> None:
        """Let go of an interface, gone or not."""
        link = self._taken.pop(index, None)
        if link is None:
            return
        self._carrier.remove_interface(index)
        await self._attachments.detach(index)
        log.info("interface let go", interface=link.name)

    async def let_all_go(self) -> None:
        for index in self.taken:
            await self.let_go(index)

    async def _take(self, link: Link) -> None:
        self._carrier.carriage(link.index)  # what can not be had is refused before anything is changed
        await self._attachments.attach(link.index)
        try:
            self._carrier.add_interface(link.index, self._tap)
            await self._attachments.follow()
        except DatapathError:
            await self._attachments.detach(link.index)
            raise
        self._taken[link.index] = link
        on = offloads(link.name)
        names = ",".join(sorted(one.value for one in on))
        by = self._carrier.carriage(link.index)
        log.info(
            "interface taken",
            interface=link.name,
            datapath=by.datapath.value,
            mac=str(link.mac),
            mtu=link.mtu,
            offloads=names,
        )
        if by.doubt:
            log.warning("interface may forward wrong frames", interface=link.name, why=by.doubt)
        if Offload.LRO in on:
            log.warning("merged frames can't be forwarded whole", interface=link.name, why="rx-lro is on")

    def _wanted(self, link: Link) -> bool:
        if self._resting or link.mac is None or not link.up:
            return False
        return link.name in self._names if self._names else not self._watcher.is_port(link.index)

    def _rank(self, index: int) -> tuple[int, int]:
        name = self._taken[index].name
        return (self._names.index(name) if name in self._names else len(self._names), index)
