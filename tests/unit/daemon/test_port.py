# SPDX-License-Identifier: Apache-2.0
"""The running director as its control API sees it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
from netaddr import EUI, IPAddress

from director.config.diff import ServiceAdded
from director.config.errors import ConfigError
from director.daemon.errors import DaemonError
from director.daemon.port import Port
from director.host.addresses import HeldAddress
from director.model import Configuration, Link, Protocol, ServiceKey, Settings, Tunables, VirtualService
from director.model.configuration import Carriage, DatapathKind
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import (
    Counters,
    DirectorStatus,
    InterfaceStatus,
    Keeping,
    NextHopState,
    NextHopStatus,
    Rates,
    ServiceStats,
    ServiceTotals,
    TableStatus,
)
from director.model.sync import SyncDaemon, SyncRole, SyncStatus

ETH0 = Link(2, "eth0", EUI("02-00-00-00-00-01"), 1500, up=True)
SERVICE = VirtualService(ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80))
HOP = NextHopStatus(IPAddress("10.0.0.2"), NextHopState.NO_ROUTE)
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
BACKUP = SyncDaemon(SyncRole.BACKUP, "eth0")
KEEPING = Keeping(STARTED, taken_over=True, kept="director-1-2")


@dataclass
class Rooms:
    """All that the port reads from, in one."""

    configuration: Configuration = field(default_factory=Configuration)
    why: str | None = None
    failing: int = 0
    generation: int = 5
    taken: tuple[int, ...] = (2, 7)
    links: dict[int, Link] = field(default_factory=lambda: {2: ETH0})
    held: frozenset[HeldAddress] = frozenset(
        HeldAddress(2, IPAddress(one)) for one in ("192.0.2.2", "192.0.2.1")
    )
    ended: bool = False
    did: list[str] = field(default_factory=list)

    def why_refused(self, configuration: Configuration) -> str | None:
        return self.why

    async def apply(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.did.append("apply")
        if configuration.services and self.failing:
            raise DaemonError(self.failing, "no room")

    def stats(self, key: ServiceKey) -> ServiceStats | None:
        return ServiceStats(key, Counters(7), Rates())

    def totals(self, key: ServiceKey) -> ServiceTotals | None:
        return ServiceTotals(key, Counters(7), Rates(), 3, 2)

    def next_hop_status(self, key: ServiceKey | None) -> Iterator[NextHopStatus]:
        return iter((HOP,) if key == SERVICE.key else ())

    def connections(self, query: ConnectionQuery) -> ConnectionPage:
        return ConnectionPage((), query.limit)

    def carriage(self, index: int) -> Carriage:
        return Carriage(DatapathKind.TC, f"interface {index}")

    def ring_drops(self) -> int:
        return 17

    def table(self) -> TableStatus:
        return TableStatus(1024, 3)

    def end(self) -> None:
        self.ended = True

    def leave(self) -> None:
        self.left = True

    keeps: bool = True
    why_not: str = "the tables are nowhere"
    left: bool = False

    def status(self) -> Keeping:
        return KEEPING

    async def rest(self) -> None:
        self.did.append("rest")

    async def work(self) -> None:
        self.did.append("work")


@dataclass
class Synced:
    """The synchronisation, which writes down when it was told to follow."""

    rooms: Rooms

    def follow(self, configuration: Configuration) -> None:
        self.rooms.did.append(f"follow {len(configuration.sync)}")

    def status(self) -> tuple[SyncStatus, ...]:
        return (SyncStatus(BACKUP, why_not="no such device"),)

    def why_not(self, daemon: SyncDaemon) -> str | None:
        return f"not on {daemon.interface}"


@contextmanager
def ported(rooms: Rooms) -> Iterator[Port]:
    with ThreadPoolExecutor(1) as reading:
        yield Port(
            settings=Settings(workers=2),
            engine=rooms,  # type: ignore[arg-type]
            conductor=rooms,  # type: ignore[arg-type]
            datapath=rooms,  # type: ignore[arg-type]
            interfaces=rooms,  # type: ignore[arg-type]
            addresses=rooms,  # type: ignore[arg-type]
            watcher=rooms,  # type: ignore[arg-type]
            numbers=rooms,  # type: ignore[arg-type]
            reading=reading,
            keeper=rooms,  # type: ignore[arg-type]
            syncing=Synced(rooms),  # type: ignore[arg-type]
            end=rooms.end,
            leave=rooms.leave,
            started=STARTED,
        )


def asked(rooms: Rooms, what: str, *arguments: Any) -> Any:
    with ported(rooms) as port:
        return asyncio.run(getattr(port, what)(*arguments))


def test_applying_puts_the_configuration_in_force_and_tells_what_changed() -> None:
    rooms, wanted = Rooms(), Configuration((SERVICE,))
    assert asked(rooms, "apply", wanted) == (ServiceAdded(SERVICE),)
    assert asked(rooms, "configuration") == wanted


def test_what_there_is_no_room_for_is_refused_and_changes_nothing() -> None:
    rooms = Rooms(why="there are ids for 3 more destinations, and 9 are wanted")
    with pytest.raises(ConfigError, match="ids for 3 more"):
        asked(rooms, "apply", Configuration((SERVICE,)))
    assert rooms.configuration == Configuration()


@dataclass(frozen=True)
class Failing:
    """What the machine says, how many images there were, what is answered, and what is in force then."""

    number: int
    generation: int
    sentence: str
    in_force: Configuration


FAILING = {
    "no room": Failing(errno.ENOSPC, 5, "nothing was changed: no room", Configuration()),
    "no room at the start": Failing(
        errno.ENOSPC, 0, "not all of the configuration is in force: no room", Configuration((SERVICE,))
    ),
    "something else": Failing(
        errno.EIO, 5, "not all of the configuration is in force: no room", Configuration((SERVICE,))
    ),
}


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING.keys())
def test_where_a_file_finds_no_room_what_was_before_is_put_back(case: Failing) -> None:
    rooms = Rooms(failing=case.number, generation=case.generation)
    with pytest.raises(DaemonError) as caught:
        asked(rooms, "apply", Configuration((SERVICE,)))
    assert (str(caught.value), rooms.configuration) == (case.sentence, case.in_force)


def test_the_status_is_told_whole_but_for_an_interface_that_just_went() -> None:
    got = asked(Rooms(), "status")
    assert got == DirectorStatus(
        version=version("director"),
        pid=os.getpid(),
        started=STARTED,
        uptime=got.uptime,
        interfaces=(InterfaceStatus("eth0", DatapathKind.TC, "interface 2", ETH0.mac, 1500),),
        workers=2,
        table=TableStatus(1024, 3),
        frames_lost=17,
        keeping=KEEPING,
        generation=5,
        addresses=(IPAddress("192.0.2.1"), IPAddress("192.0.2.2")),
    )


def test_next_hops_are_those_of_a_services_servers() -> None:
    with ported(Rooms()) as port:
        assert (tuple(port.next_hops(SERVICE.key)), tuple(port.next_hops(None))) == ((HOP,), ())


def test_connections_are_the_data_paths() -> None:
    assert asked(Rooms(), "connections", ConnectionQuery(limit=7)) == ConnectionPage((), 7)


def test_numbers_are_those_of_one_service() -> None:
    key = SERVICE.key
    assert asked(Rooms(), "stats", key) == ServiceStats(key, Counters(7), Rates())
    assert asked(Rooms(), "totals", key) == ServiceTotals(key, Counters(7), Rates(), 3, 2)


def test_stopping_begins_the_end() -> None:
    rooms = Rooms()
    asked(rooms, "stop")
    assert rooms.ended


def test_a_director_whose_tables_are_kept_can_leave_forwarding_on() -> None:
    rooms = Rooms()
    assert (asked(rooms, "leave_running"), rooms.left, rooms.ended) == (None, True, False)


def test_a_director_whose_tables_are_not_kept_says_why_it_can_not() -> None:
    rooms = Rooms(keeps=False)
    assert (asked(rooms, "leave_running"), rooms.left) == ("the tables are nowhere", False)


@pytest.mark.parametrize(
    ("backup_only", "did"),
    [(0, ["apply", "follow 1", "work"]), (1, ["rest", "apply", "follow 1"])],
    ids=["a backup forwards", "backup_only: it does not"],
)
def test_the_synchronisation_follows_what_is_in_force(backup_only: int, did: list[str]) -> None:
    rooms = Rooms()
    with ported(rooms) as port:
        wanted = Configuration(tunables=Tunables(backup_only=backup_only), sync=(BACKUP,))
        asyncio.run(port.apply(wanted))
        status = asyncio.run(port.sync())
        why_not = asyncio.run(port.why_no_sync(BACKUP))
    assert rooms.did == did
    assert (status, why_not) == ((SyncStatus(BACKUP, why_not="no such device"),), "not on eth0")
