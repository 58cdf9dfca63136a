# SPDX-License-Identifier: Apache-2.0
"""A director in the process of the test, with a data path that only records."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from director.datapath._native import ffi, lib
from netaddr import IPAddress
from pyroute2 import AsyncIPRoute

from director.daemon.journal import Journal, journal_path
from director.daemon.options import Options
from director.daemon.running import Holders, Running
from director.datapath.attachment import FILTER_NAME, Attachments, Classifier, has_clsact, ingress_filters
from director.datapath.guard import Guard
from director.datapath.pinned import Pinned
from director.datapath.programs import TableSizes
from director.datapath.synchronising import SyncTable
from director.defence import Defence
from director.host.addresses import Addresses, present_addresses
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, Rates, ReasonCount, TableStatus
from tests.lab.segment import Segment

VIP, SERVER = IPAddress("192.0.2.1"), IPAddress("10.0.0.2")
FILE = """
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
scheduler = "rr"
[[service.destination]]
address = "10.0.0.2:80"
method = "dr"
weight = 3
"""


@dataclass
class Recording:
    """A data path that forwards nothing and remembers what it was told."""

    settings: Settings
    told: list[tuple[Any, ...]] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    interfaces: set[int] = field(default_factory=set)

    def add_interface(self, index: int, filter_fd: int) -> None:
        assert filter_fd > 0
        self.told.append(("add", index))
        self.interfaces.add(index)

    def remove_interface(self, index: int) -> None:
        self.told.append(("remove", index))
        self.interfaces.remove(index)

    def carriage(self, index: int) -> Carriage:
        return Carriage(DatapathKind.PACKET, f"interface {index} is recorded")

    def classifier(self, index: int) -> Classifier | None:
        return None

    def start(self) -> None:
        self.told.append(("start",))

    def stop(self) -> None:
        self.told.append(("stop",))

    def leave(self) -> None:
        self.told.append(("leave",))

    @property
    def pinned(self) -> Pinned | None:
        return None

    @property
    def sizes(self) -> TableSizes:
        return TableSizes(sets=1, image_lines=1)

    def settle(self) -> None:
        pass

    def swap(self, image: bytes) -> None:
        self.images.append(image)

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None:
        pass

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None:
        if services or destinations:
            self.told.append(("reset", services, destinations))

    def end(self, destinations: tuple[int, ...]) -> int:
        self.told.append(("end", destinations))
        return 0

    def census(self) -> frozenset[int]:
        return frozenset()

    def connections(self, query: ConnectionQuery) -> ConnectionPage:
        return ConnectionPage((), 0)

    def synchronising(self) -> SyncTable:
        """Return a table that nothing is in."""
        return SyncTable(lambda: ffi.gc(lib.lb_datapath_new(1, 1, 0), lib.lb_datapath_free), 1)

    def reasons(self) -> tuple[ReasonCount, ...]:
        return ()

    def ring_drops(self) -> int:
        return 0

    def table(self) -> TableStatus:
        return TableStatus(1024, 0)

    def tick(self, services: int, destinations: int) -> None:
        pass

    def defend(self, defence: Defence) -> int:
        return 0

    def zero(self, services: Iterable[int], destinations: Iterable[int]) -> None:
        self.told.append(("zero", tuple(services), tuple(destinations)))

    def service_counters(self, service: int) -> Counters:
        return Counters(service)

    def service_rates(self, service: int) -> Rates:
        return Rates()

    def destination_rates(self, destination: int) -> Rates:
        return Rates()

    def destination_counters(self, destination: int) -> Counters:
        return Counters(destination)

    def destination_connections(self, destination: int) -> tuple[int, int, int]:
        return (0, 0, 0)


@dataclass
class Started:
    """A director in this process, its data path and the way to ask it."""

    socket: Path
    datapath: Recording
    task: asyncio.Task[None]
    kernel: AsyncIPRoute

    async def get(self, path: str) -> Any:
        connector = aiohttp.UnixConnector(str(self.socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://director/v1/{path}") as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def until(self, true: Callable[[], Coroutine[Any, Any, object]], what: str) -> None:
        end = time.monotonic() + 5
        while not await true():
            assert time.monotonic() < end, f"{what} did not come to pass"
            await asyncio.sleep(0.02)


def record(settings: Settings, _: Holders, _pinned: Pinned) -> Recording:
    return Recording(settings)


def exists(path: Path) -> bool:
    return path.exists()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name.startswith("control"))


def write(path: Path, weight: int) -> None:
    path.write_text(FILE.replace("weight = 3", f"weight = {weight}"))


@asynccontextmanager
async def started(options: Options) -> AsyncIterator[Started]:
    """Run a director until the block ends, then let it stop cleanly."""
    made: list[Recording] = []

    def make(settings: Settings, _: Holders, _pinned: Pinned) -> Recording:
        made.append(Recording(settings))
        return made[-1]

    running = Running(options, make)
    task = asyncio.create_task(running.run())
    await until_listening(options.socket, task)
    async with AsyncIPRoute() as kernel:
        try:
            yield Started(options.socket, made[0], task, kernel)
        finally:
            running._ending.set()
            await asyncio.wait_for(task, 5)


async def until_listening(path: Path, task: asyncio.Task[None]) -> None:
    """Wait for the control socket to answer; raise what kept the director from starting."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if task.done():
            task.result()
        with socket.socket(socket.AF_UNIX) as probe:
            if exists(path) and probe.connect_ex(str(path)) == 0:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the director did not listen in time")


async def traces(kernel: AsyncIPRoute, joined: Segment, directory: Path) -> dict[str, object]:
    """Everything that a director puts on a host."""
    present = await present_addresses(kernel)
    return {
        "filters": [one.name for one in await ingress_filters(kernel, joined.inside) if one.handle],
        "clsact": await has_clsact(kernel, joined.inside),
        "vips": sorted(str(one.address) for one in present if one.address == VIP),
        "files": names(directory),
    }


NOTHING: dict[str, object] = {"filters": [], "clsact": False, "vips": [], "files": []}
EVERYTHING: dict[str, object] = {
    "filters": [FILTER_NAME],
    "clsact": True,
    "vips": [str(VIP)],
    "files": ["control.sock", "control.sock.state.json"],
}


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


async def leave_traces(kernel: AsyncIPRoute, joined: Segment, control: Path) -> None:
    """Be a director that was killed: everything is there, and nobody holds the interface or answers."""
    journal = Journal(journal_path(control))
    guard = Guard.load()
    guarding = Classifier(FILTER_NAME, guard.guard_descriptor)
    attachments = Attachments(kernel, lambda _: guarding, journal.record_qdiscs, journal.record_filters)
    await attachments.attach(joined.inside)
    await Addresses(kernel, lambda: (joined.inside,), journal.record_addresses).hold(frozenset({VIP}))
    attachments._holds.pop(joined.inside).close()
    guard.close()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(control))
