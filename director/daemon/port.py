# SPDX-License-Identifier: Apache-2.0
"""The running director as the control API sees it (control/port.py): reads from the rooms, applies by the
conductor.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypeVar

from director.config.diff import Change, diff
from director.config.errors import ConfigError, Fault
from director.config.sharing import sharing
from director.daemon.carrier import Datapath
from director.daemon.conductor import Conductor
from director.daemon.errors import DaemonError
from director.daemon.interfaces import Interfaces
from director.daemon.keeping import Keeper
from director.daemon.numbers import Numbers
from director.daemon.syncing import Syncing
from director.engine import Engine
from director.host.addresses import Addresses
from director.host.watcher import Watcher
from director.model import Configuration, ServiceKey, Settings
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import (
    DirectorStatus,
    InterfaceStatus,
    NextHopStatus,
    ReasonCount,
    ServiceStats,
    ServiceTotals,
)
from director.model.sync import SyncDaemon, SyncRole, SyncStatus

MANY_CHANGES = 1000
NOT_ALL = "not all of the configuration is in force"

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Port:
    """One running director. `settings` are those it was started with; `end` begins its clean stop, `leave`
    one that leaves forwarding on.
    """

    settings: Settings
    engine: Engine
    conductor: Conductor
    datapath: Datapath
    interfaces: Interfaces
    addresses: Addresses
    watcher: Watcher
    numbers: Numbers
    reading: Executor
    keeper: Keeper
    syncing: Syncing
    end: Callable[[], None]
    leave: Callable[[], None]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)

    async def configuration(self) -> Configuration:
        return self.engine.configuration

    async def apply(self, configuration: Configuration) -> tuple[Change, ...]:
        """Put the configuration in force; ConfigError where the director has no room for it.

        Where a file finds no room (DaemonError, ENOSPC), the configuration before is put back in force.
        """
        before = self.engine.configuration
        configuration = sharing(before, configuration)
        refused = self.engine.why_refused(configuration)
        if refused is not None:
            raise ConfigError([Fault("", "too much", "what there is room for", refused)])
        changes = diff(before, configuration)
        is_first = self.engine.generation == 0  # what one before left must not be taken back
        try:
            await self._put_in_force(configuration)
        except DaemonError as error:
            if error.errno != errno.ENOSPC or is_first:
                raise DaemonError(error.errno, f"{NOT_ALL}: {error}") from error
            raise await self._taken_back(before, error) from error
        if len(changes) > MANY_CHANGES:
            _let_rest()
        return changes

    async def _put_in_force(self, configuration: Configuration) -> None:
        """Let the engine have it, and the synchronisation follow. What is a backup and no more, rests."""
        only_backup = configuration.tunables.backup_only and configuration.sync_daemon(SyncRole.BACKUP)
        if only_backup:
            await self.interfaces.rest()
        await self.conductor.apply(configuration)
        self.syncing.follow(configuration)
        if not only_backup:
            await self.interfaces.work()

    async def _taken_back(self, before: Configuration, why: DaemonError) -> DaemonError:
        """Put the configuration before back in force; return the error that says so."""
        try:
            await self._put_in_force(before)
        except DaemonError as error:
            return DaemonError(errno.ENOSPC, f"{NOT_ALL}: {why}; nor of the one before: {error}")
        return DaemonError(errno.ENOSPC, f"nothing was changed: {why}")

    async def connections(self, query: ConnectionQuery) -> ConnectionPage:
        return await self._read(lambda: self.datapath.connections(query))

    async def stats(self, service: ServiceKey) -> ServiceStats | None:
        return self.numbers.stats(service)

    async def totals(self, service: ServiceKey) -> ServiceTotals | None:
        return self.numbers.totals(service)

    async def zero(self, service: ServiceKey | None) -> None:
        self.numbers.zero(service)

    async def reasons(self) -> tuple[ReasonCount, ...]:
        return self.datapath.reasons()

    async def status(self) -> DirectorStatus:
        return DirectorStatus(
            version=version("director"),
            pid=os.getpid(),
            started=self.started,
            uptime=time.monotonic() - self.began,
            interfaces=tuple(self._interfaces()),
            workers=self.settings.workers,
            table=await self._read(self.datapath.table),
            keeping=self.keeper.status(),
            generation=self.engine.generation,
            frames_lost=self.datapath.ring_drops(),
            addresses=tuple(sorted(held.address for held in self.addresses.held)),
        )

    def next_hops(self, service: ServiceKey | None) -> Iterator[NextHopStatus]:
        return self.engine.next_hop_status(service)

    async def _read(self, look: Callable[[], Read]) -> Read:
        """Look through the table beside the loop: it may have millions of entries."""
        return await asyncio.get_running_loop().run_in_executor(self.reading, look)

    async def sync(self) -> tuple[SyncStatus, ...]:
        return self.syncing.status()

    async def why_no_sync(self, daemon: SyncDaemon) -> str | None:
        return self.syncing.why_not(daemon)

    async def stop(self) -> None:
        self.end()

    async def leave_running(self) -> str | None:
        if not self.keeper.keeps:
            return self.keeper.why_not
        self.leave()
        return None

    def _interfaces(self) -> Iterator[InterfaceStatus]:
        for index in self.interfaces.taken:
            link = self.watcher.links.get(index)
            if link is not None:  # it may have gone a moment ago
                carriage = self.datapath.carriage(index)
                yield InterfaceStatus(link.name, carriage.datapath, carriage.why, link.mac, link.mtu)


def _let_rest() -> None:
    """Spare the garbage collector what is there now: a hundred thousand destinations, which refer to nobody.

    Each time it looked through them the loop would stand for a fifth of a second. What is let go later is
    freed as before.
    """
    gc.collect()
    gc.freeze()
