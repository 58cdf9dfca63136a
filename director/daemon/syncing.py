# SPDX-License-Identifier: Apache-2.0
"""The synchronisation daemons at work: what is due goes out, what comes in is entered.

All of it happens on the loop, in pieces of about a millisecond: the table is looked through in slices, and of
datagrams only a few are taken before others have their turn. A daemon whose interface is not there, or goes,
is tried again until it is given up.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from director.daemon.clients import Clients
from director.datapath.synchronising import MOST, Entering, SyncTable
from director.host import multicast
from director.model import Configuration, ForwardingMethod, Link
from director.model.sync import SyncCounts, SyncDaemon, SyncedFlow, SyncRole, SyncStatus
from director.sync.entries import Ids, Translator, makes_sense
from director.sync.message import MAX_LENGTH, Entry, datagrams, read
from director.sync.waiting import WaitingRoom

log = structlog.get_logger()

ROUND_SECONDS = 0.5
"""In which the whole table is looked through: 35 ms of work where it has a million connections."""

PATIENCE = 1.0
"""Seconds in which a datagram has to go out."""

DATAGRAMS_AT_ONCE = 4
OPENERS = {SyncRole.MASTER: multicast.speaking, SyncRole.BACKUP: multicast.listening}


@dataclass(slots=True)
class _Open:
    """A daemon at work, on the interface that has this index now."""

    interface: int
    socket: socket.socket


@dataclass(slots=True)
class _Asked:
    """A daemon that was asked for. `open` is None as long as it can not work, and `why_not` says why."""

    daemon: SyncDaemon
    open: _Open | None = None
    why_not: str = ""
    counts: SyncCounts = field(default_factory=SyncCounts)

    def count(self, **more: int) -> None:
        now = {name: getattr(self.counts, name) + number for name, number in more.items()}
        self.counts = replace(self.counts, **now)


class Syncing:
    """The daemons. `links` tells the interfaces there are; `clients` finds those of NAT connections."""

    def __init__(
        self,
        table: SyncTable,
        ids: Ids,
        links: Callable[[], Mapping[int, Link]],
        clients: Clients,
    ) -> None:
        self._table = table
        self._ids = ids
        self._links = links
        self._clients = clients
        self._translator = Translator(ids)
        self._rule = self._translator.rule()
        self._asked: dict[SyncRole, _Asked] = {}
        self._room = WaitingRoom()
        self._is_master = asyncio.Event()

    def follow(self, configuration: Configuration) -> None:
        """Work as this configuration says, which is in force now."""
        self._translator = Translator(self._ids)
        self._rule = self._translator.rule()
        for role in SyncRole:
            wanted, asked = configuration.sync_daemon(role), self._asked.get(role)
            if asked is not None and asked.daemon != wanted:
                self._close(asked)
                del self._asked[role]
            if wanted is not None and role not in self._asked:
                self._asked[role] = _Asked(wanted)
                self._open(self._asked[role])
        if SyncRole.BACKUP in self._asked:
            for entry in self._room.take(time.monotonic()):
                self._enter(entry)

    def status(self) -> tuple[SyncStatus, ...]:
        return tuple(
            SyncStatus(
                asked.daemon, asked.counts, len(self._room) if role is SyncRole.BACKUP else 0, asked.why_not
            )
            for role in SyncRole
            if (asked := self._asked.get(role)) is not None
        )

    def why_not(self, daemon: SyncDaemon) -> str | None:
        """Say why this daemon could not work now; None where it could."""
        try:
            self._opened(daemon).socket.close()
        except OSError as error:
            return _words(error)
        return None

    async def watch(self) -> None:
        """Open what could not be opened, and open anew where an interface is another one now."""
        for asked in self._asked.values():
            if asked.open is not None and self._index(asked.daemon) != asked.open.interface:
                self._close(asked)
            if asked.open is None:
                self._open(asked)

    async def tell(self) -> None:
        """Tell of connections as long as there is a master, until cancelled."""
        while True:
            await self._is_master.wait()
            found = self._table.collect(self._rule)
            if found:
                await self._send(found)
            await asyncio.sleep(0 if len(found) == MOST else ROUND_SECONDS / self._table.slices)

    async def stop(self) -> None:
        for asked in self._asked.values():
            self._close(asked)

    def _open(self, asked: _Asked) -> None:
        try:
            asked.open = self._opened(asked.daemon)
        except OSError as error:
            why = _words(error)
            if why != asked.why_not:
                log.warning("connections not synchronised", role=asked.daemon.role.value, why=why)
            asked.why_not = why
            return
        asked.why_not = ""
        log.info("connections synchronised", role=asked.daemon.role.value, interface=asked.daemon.interface)
        if asked.daemon.role is SyncRole.MASTER:
            self._table.begin_telling()
            self._is_master.set()
        else:
            loop = asyncio.get_running_loop()
            loop.add_reader(asked.open.socket.fileno(), self._hear, asked, asked.open.socket)

    def _opened(self, daemon: SyncDaemon) -> _Open:
        index = self._index(daemon)
        if index is None:
            raise OSError(f"there is no interface {daemon.interface}")
        buffer = self._ids.configuration.tunables.sync_sock_size
        return _Open(index, OPENERS[daemon.role](daemon, index, buffer))

    def _index(self, daemon: SyncDaemon) -> int | None:
        links = self._links().values()
        return next((link.index for link in links if link.name == daemon.interface), None)

    def _close(self, asked: _Asked) -> None:
        opened, asked.open = asked.open, None
        if opened is None:
            return
        if asked.daemon.role is SyncRole.MASTER:
            self._is_master.clear()
            self._table.end_telling()
        else:
            asyncio.get_running_loop().remove_reader(opened.socket.fileno())
        opened.socket.close()

    async def _send(self, flows: Iterable[SyncedFlow]) -> None:
        asked = self._asked[SyncRole.MASTER]
        entries = self._translator.entries(flows)
        daemon, opened = asked.daemon, asked.open
        assert opened is not None
        loop = asyncio.get_running_loop()
        try:
            for datagram in datagrams(entries, daemon.syncid, daemon.longest):
                async with asyncio.timeout(PATIENCE):  # it may be given up, and its socket closed, meanwhile
                    await loop.sock_sendall(opened.socket, datagram)
                asked.count(datagrams=1)
            asked.count(entries=len(entries))
        except OSError as error:
            if asked.open is not opened:
                return
            asked.count(dropped=1)
            asked.why_not = _words(error) or "the interface takes no more"
            log.warning("connections not synchronised", role=daemon.role.value, why=asked.why_not)
            self._close(asked)

    def _hear(self, asked: _Asked, heard: socket.socket) -> None:
        """Take some of the datagrams that have come; what else there is, the loop says again."""
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                datagram = heard.recv(MAX_LENGTH)
            except BlockingIOError:
                return
            except OSError as error:  # the interface went: watch() opens it again
                log.warning("nothing heard of connections", why=_words(error))
                return
            self._take(asked, datagram)

    def _take(self, asked: _Asked, datagram: bytes) -> None:
        reading = read(datagram)
        if asked.daemon.syncid not in (0, reading.syncid):
            asked.count(dropped=1)
            return
        asked.count(datagrams=1, entries=len(reading.entries), dropped=1 if reading.fault else 0)
        for entry in reading.entries:
            self._enter(entry)

    def _enter(self, entry: Entry) -> None:
        asked = self._asked[SyncRole.BACKUP]
        if not makes_sense(entry):
            asked.count(unknown=1)
            return
        flow = self._translator.flow(entry)
        if flow is None or self._entered(flow) is Entering.UNKNOWN:
            asked.count(unknown=1)
            self._room.keep(entry, time.monotonic())
        else:
            self._room.forget(entry)

    def _entered(self, flow: SyncedFlow) -> Entering:
        translated = flow.method is ForwardingMethod.NAT and not flow.template
        client = self._clients.of(flow.caddr) if translated else None
        result = self._table.enter(flow, client)
        if translated and client is None and result is Entering.ENTERED:
            self._clients.look_for(flow)
        return result


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
