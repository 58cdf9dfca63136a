# SPDX-License-Identifier: Apache-2.0
"""Synchronisation daemons at work on a link of two namespaces: two directors without packets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from director.datapath._native import lib
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute

from director.daemon.clients import Clients
from director.daemon.syncing import Syncing
from director.datapath.synchronising import SyncTable
from director.host.multicast import listening, speaking
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Protocol,
    ServiceKey,
    Tunables,
    VirtualService,
)
from director.model.sync import SyncCounts, SyncDaemon, SyncedFlow, SyncRole
from director.sync.message import Entry, datagrams
from director.tables.ids import IdRegistry
from director.tables.image import compile_image
from tests.lab.segment import Segment, segment
from tests.needs import needs

pytestmark = needs("root", "netns", "veth")
SETS = 16
KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
SERVER = Destination(IPAddress("10.0.0.11"), 80, ForwardingMethod.DR)
SERVICE = VirtualService(KEY, destinations=(SERVER,))
MASTER = SyncDaemon(SyncRole.MASTER, "eth0", syncid=7)
BACKUP = SyncDaemon(SyncRole.BACKUP, "eth0", syncid=7)
CLIENT = IPAddress("198.51.100.7").packed
FLOW = SyncedFlow(6, CLIENT, 40000, KEY.address.packed, 80, 1, 1, 900_000, 3)
ENTRY = Entry(6, 0x83, 1, 40000, 80, 80, 0, 900, CLIENT, KEY.address.packed, SERVER.address.packed)
PROBE = replace(MASTER, port=9999)
DEADLINE, AGAIN = 10.0, 0.1
EMPTY = Configuration()


@dataclass
class Half:
    """One director's half: a table, the ids of its services, and the daemons."""

    raw: Any = field(default_factory=lambda: lib.lb_datapath_new(SETS, 1, 9))
    ids: IdRegistry = field(default_factory=IdRegistry)
    configuration: Configuration = EMPTY
    links: dict[int, Link] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = SyncTable(lambda: self.raw, SETS)
        clients = Clients(None, lambda: self.links, None, lambda *_: None)  # type: ignore[arg-type]
        self.syncing = Syncing(self.table, self, lambda: self.links, clients)
        self.see_link("eth0")

    def see_link(self, name: str) -> None:
        self.links = {}
        with suppress(OSError):
            index = socket.if_nametoindex(name)
            self.links[index] = Link(index, name, EUI("02-00-00-00-00-01"), 1500, up=True)

    def destination_of(self, number: int) -> tuple[ServiceKey, Destination] | None:
        return self.ids.holder(number)

    def numbered(self, key: ServiceKey) -> Any:
        return self.ids.of(key)

    def apply(
        self, *sync: SyncDaemon, services: tuple[VirtualService, ...] = (SERVICE,), **tunables: int
    ) -> None:
        for service in services:
            if self.ids.of(service.key) is None:
                self.ids.assign(service)
        self.configuration = Configuration(services, tunables=Tunables(**tunables), sync=sync)
        image = compile_image(self.configuration, {})
        assert lib.lb_datapath_swap(self.raw, image, len(image)) == 0
        self.syncing.follow(self.configuration)

    def counts(self) -> tuple[int, int]:
        state = lib.lb_datapath_dest_state(self.raw, 1)
        return state.active, state.inactive

    @property
    def status(self) -> Any:
        (only,) = self.syncing.status()
        return only


@asynccontextmanager
async def half() -> Any:
    """Run one director's half where we are."""
    it = Half()
    telling = asyncio.create_task(it.syncing.tell())
    yield it
    await it.syncing.stop()
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    lib.lb_datapath_free(it.raw)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110  the other side is a socket, which tells nobody
            await asyncio.sleep(0.01)


def run(scenario: Callable[[Segment], Awaitable[None]]) -> None:
    with segment() as here:
        settle(here)

        async def whole() -> None:
            await scenario(here)

        asyncio.run(whole())


def settle(here: Segment) -> None:
    """Wait until datagrams get through both ways: a link that just came up loses some."""
    ours, our_ear = speaking(PROBE, index_here(), 0), listening(PROBE, index_here(), 0)
    with here.peer():
        theirs, their_ear = speaking(PROBE, index_here(), 0), listening(PROBE, index_here(), 0)
    for speaker, ear in ((ours, their_ear), (theirs, our_ear)):
        ear.settimeout(AGAIN)
        for _ in range(round(DEADLINE / AGAIN)):
            speaker.send(b"heard?")
            with suppress(TimeoutError):
                ear.recv(100)
                break
        else:
            raise TimeoutError
    for each in (ours, our_ear, theirs, their_ear):
        each.close()


def index_here() -> int:
    return socket.if_nametoindex("eth0")


def peer_socket(here: Segment) -> socket.socket:
    """Open a socket of the peer's that speaks to the group."""
    with here.peer():
        return speaking(MASTER, socket.if_nametoindex("eth0"), 0)


def test_what_a_master_has_a_backup_gets() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            with here.peer():
                two = Half()
                two.apply(BACKUP)
            one.apply()
            one.table.enter(FLOW, None)
            one.table.enter(replace(FLOW, cport=40001, state=4), None)
            one.apply(MASTER)
            await eventually(lambda: two.status.counts.entries == 2)
            assert two.status.counts == SyncCounts(datagrams=1, entries=2)
            assert (two.counts(), one.status.counts) == ((1, 1), SyncCounts(datagrams=1, entries=2))
            await two.syncing.stop()

    run(scenario)


def test_two_that_are_both_tell_each_other_once() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            with here.peer():
                two = Half()
                two.apply(MASTER, BACKUP)
            telling = asyncio.create_task(two.syncing.tell())
            one.apply()
            one.table.enter(FLOW, None)
            one.apply(MASTER, BACKUP)
            await eventually(lambda: two.counts() == (1, 0))
            before = one.table.rounds, two.table.rounds
            await eventually(lambda: min(one.table.rounds - before[0], two.table.rounds - before[1]) >= 3)
            entries = [each.counts.entries for side in (one, two) for each in side.syncing.status()]
            assert entries == [1, 0, 0, 1]
            telling.cancel()
            await two.syncing.stop()

    run(scenario)


def test_entries_wait_for_their_service() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            one.apply(BACKUP, services=())
            with peer_socket(here) as peer:
                for datagram in datagrams([ENTRY, replace(ENTRY, cport=40001)], 7, 1472):
                    peer.send(datagram)
            await eventually(lambda: one.status.waiting == 2)
            assert (one.status.counts.unknown, one.counts()) == (2, (0, 0))
            one.apply(BACKUP)
            assert (one.status.waiting, one.counts()) == (0, (2, 0))

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        (b"nonsense", SyncCounts(datagrams=0, dropped=1)),
        (next(datagrams([ENTRY], 8, 1472)), SyncCounts(dropped=1)),
        (next(datagrams([ENTRY, ENTRY], 7, 1472))[:-1], SyncCounts(datagrams=1, dropped=1)),
        (next(datagrams([replace(ENTRY, protocol=1)], 7, 1472)), SyncCounts(1, 1, 0, 1)),
    ],
    ids=["nonsense", "another syncid", "cut short", "no protocol of ours"],
)
def test_what_is_of_no_use_is_counted(sent: bytes, counted: SyncCounts) -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            one.apply(BACKUP)
            with peer_socket(here) as peer:
                peer.send(sent)
            await eventually(lambda: one.status.counts != SyncCounts())
            assert (one.status.counts, one.counts()) == (counted, (0, 0))

    run(scenario)


def test_a_backup_of_syncid_0_heeds_all() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            one.apply(replace(BACKUP, syncid=0))
            with peer_socket(here) as peer:
                peer.send(next(datagrams([ENTRY], 200, 1472)))
            await eventually(lambda: one.counts() == (1, 0))

    run(scenario)


def test_an_interface_that_is_not_there_is_waited_for() -> None:
    async def scenario(_: Segment) -> None:
        async with half() as one:
            one.links = {}
            one.apply(MASTER)
            assert one.status.why_not == "there is no interface eth0"
            assert one.syncing.why_not(BACKUP) == "there is no interface eth0"
            one.see_link("eth0")
            await one.syncing.watch()
            assert (one.status.why_not, one.syncing.why_not(BACKUP)) == ("", None)

    run(scenario)


def test_a_role_that_is_given_up_does_nothing_more() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            one.apply(BACKUP)
            one.apply()
            with peer_socket(here) as peer:
                peer.send(next(datagrams([ENTRY], 7, 1472)))
            one.apply(BACKUP)
            with peer_socket(here) as peer:
                peer.send(next(datagrams([replace(ENTRY, cport=1), replace(ENTRY, cport=2)], 7, 1472)))
            await eventually(lambda: one.counts() == (2, 0))

    run(scenario)


def test_a_master_whose_link_goes_down_says_so_and_tells_all_when_it_is_back() -> None:
    async def scenario(here: Segment) -> None:
        async with half() as one:
            with here.peer():
                two = Half()
                two.apply(BACKUP)
            one.apply(MASTER)
            async with AsyncIPRoute() as kernel:
                await kernel.link("set", index=here.inside, state="down")
                one.table.enter(FLOW, None)
                one.table.begin_telling()
                await eventually(lambda: one.status.why_not != "")
                why_not = one.status.why_not
                await kernel.link("set", index=here.inside, state="up")
            settle(here)
            await one.syncing.watch()
            await eventually(lambda: two.counts() == (1, 0))
            assert (why_not, one.status.why_not) == ("network is unreachable", "")
            await two.syncing.stop()

    run(scenario)
