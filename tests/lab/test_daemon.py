# SPDX-License-Identifier: Apache-2.0
"""The daemon on a real kernel: everything but the packets, which a data path that only records stands for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute

from director.config.errors import ConfigError
from director.daemon import cleanup
from director.daemon.cleanup import clean_up
from director.daemon.errors import DaemonError
from director.daemon.journal import Journal, journal_path
from director.daemon.options import Options
from director.daemon.running import Holders, Running
from director.datapath.attachment import FILTER_NAME, Attachments, has_clsact, ingress_filters
from director.datapath.errors import DatapathError
from director.datapath.guard import Guard
from director.host.addresses import Addresses, present_addresses
from director.model import Settings
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, ReasonCount, TableStatus
from director.tables.decode import decode
from tests.lab.segment import PEER_MAC, Segment, segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]

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

    def start(self) -> None:
        self.told.append(("start",))

    def stop(self) -> None:
        self.told.append(("stop",))

    def swap(self, image: bytes) -> None:
        self.images.append(image)

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None:
        pass

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None:
        if services or destinations:
            self.told.append(("reset", services, destinations))

    def census(self) -> frozenset[int]:
        return frozenset()

    def connections(self, query: ConnectionQuery) -> ConnectionPage:
        return ConnectionPage((), 0)

    def reasons(self) -> tuple[ReasonCount, ...]:
        return ()

    def ring_drops(self) -> int:
        return 0

    def table(self) -> TableStatus:
        return TableStatus(1024, 0)

    def service_counters(self, service: int) -> Counters:
        return Counters(service)

    def destination_counters(self, destination: int) -> Counters:
        return Counters(destination)

    def destination_connections(self, destination: int) -> tuple[int, int]:
        return (0, 0)


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


def record(settings: Settings, _: Holders) -> Recording:
    return Recording(settings)


@pytest.fixture
def joined() -> Iterator[Segment]:
    with segment() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "director.toml"
    path.write_text(FILE)
    return path


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

    def make(settings: Settings, _: Holders) -> Recording:
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


def test_a_director_holds_its_place_while_it_runs_and_leaves_nothing(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        options = Options(socket=tmp_path / "control.sock", config=file)
        async with started(options) as director:
            assert await traces(director.kernel, joined, tmp_path) == EVERYTHING
            told = director.datapath.told
        async with AsyncIPRoute() as kernel:
            assert await traces(kernel, joined, tmp_path) == NOTHING
        assert told == [
            ("add", joined.inside),
            ("start",),
            ("reset", (1,), (1,)),
            ("remove", joined.inside),
            ("stop",),
        ]

    run(scenario)


def test_the_way_to_a_server_is_found_before_any_traffic(joined: Segment, file: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with started(Options(socket=tmp_path / "control.sock", config=file)) as director:

            async def resolved() -> bool:
                status = await director.get("status")
                return [hop["state"] for hop in status["next_hops"]] == ["resolved"]

            await director.until(resolved, "the next hop's resolution")
            (hop,) = (await director.get("status"))["next_hops"]
            assert (hop["destination"], hop["interface"], EUI(hop["mac"])) == (
                str(SERVER),
                "eth0",
                EUI(PEER_MAC),
            )
            destinations = decode(director.datapath.images[-1]).destinations
            assert len(destinations) == 1

    run(scenario)


def test_a_hangup_reloads_the_file_and_a_faulty_one_is_refused_whole(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with started(Options(socket=tmp_path / "control.sock", config=file)) as director:

            async def weight() -> int:
                (service,) = (await director.get("services"))["service"]
                return int(service["destination"][0]["weight"])

            assert await weight() == 3
            write(file, -1)
            os.kill(os.getpid(), signal.SIGHUP)
            file_was_read = asyncio.get_running_loop().time() + 0.3
            while asyncio.get_running_loop().time() < file_was_read:
                assert await weight() == 3
            write(file, 9)
            os.kill(os.getpid(), signal.SIGHUP)

            async def is_nine() -> bool:
                return await weight() == 9

            await director.until(is_nine, "the new weight")

    run(scenario)


def test_an_interface_that_vanishes_and_comes_back_is_taken_again(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with started(Options(socket=tmp_path / "control.sock", config=file)) as director:
            kernel = director.kernel
            await kernel.link("del", index=joined.inside)

            async def gone() -> bool:
                return not director.datapath.interfaces

            await director.until(gone, "the letting go")
            await kernel.link("add", ifname="eth0", kind="veth", peer="peer0")
            for name in ("eth0", "peer0"):
                (index,) = await kernel.link_lookup(ifname=name)
                await kernel.link("set", index=index, state="up")

            async def back() -> bool:
                found = [one.interface for one in await present_addresses(kernel) if one.address == VIP]
                return len(director.datapath.interfaces) == 2 and len(found) == 1

            await director.until(back, "the taking up")

    run(scenario)


def test_the_service_manager_is_told(
    joined: Segment, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")

        async def scenario() -> None:
            async with started(Options(socket=tmp_path / "control.sock", config=file)):
                os.kill(os.getpid(), signal.SIGHUP)
                for wanted in ("WATCHDOG=1", "READY=1", "RELOADING=1", "READY=1"):
                    heard = await asyncio.to_thread(manager.recv, 4096)
                    assert heard.decode().splitlines()[0] == wanted
            assert manager.recv(4096) == b"STOPPING=1"

        run(scenario)


def test_a_termination_ends_it_cleanly(joined: Segment, file: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with started(Options(socket=tmp_path / "control.sock", config=file)) as director:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(asyncio.shield(director.task), 5)
            assert await traces(director.kernel, joined, tmp_path) == NOTHING

    run(scenario)


def test_two_directors_never_share_a_socket_or_an_interface(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        first = Options(socket=tmp_path / "control.sock", config=file)
        second = Options(socket=tmp_path / "other.sock", config=file)
        async with started(first) as director:
            with pytest.raises(DaemonError, match=r"a director is running on .*control\.sock"):
                await Running(first, record).run()
            with pytest.raises(DatapathError, match="already has a director"):
                await Running(second, record).run()
            with pytest.raises(DaemonError, match="a director is running"):
                await clean_up(first.socket)
            said = await clean_up(second.socket)
            holder = f"interface {joined.inside} already has a director: process {os.getpid()}"
            assert said == (f"left the filter on eth0 alone: {holder}",)
            assert await traces(director.kernel, joined, tmp_path) == EVERYTHING

    run(scenario)


def test_a_faulty_file_keeps_it_from_starting_and_nothing_was_touched(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    file.write_text(FILE.replace("rr", "fastest"))

    async def scenario() -> None:
        with pytest.raises(ConfigError, match="scheduler"):
            await Running(Options(socket=tmp_path / "control.sock", config=file), record).run()
        async with AsyncIPRoute() as kernel:
            assert await traces(kernel, joined, tmp_path) == NOTHING

    run(scenario)


async def leave_traces(kernel: AsyncIPRoute, joined: Segment, control: Path) -> None:
    """Be a director that was killed: everything is there, and nobody holds the interface or answers."""
    journal = Journal(journal_path(control))
    guard = Guard.load()
    attachments = Attachments(kernel, guard.guard_descriptor, journal.record_qdiscs)
    await attachments.attach(joined.inside)
    await Addresses(kernel, lambda: (joined.inside,), journal.record_addresses).hold(frozenset({VIP}))
    attachments._holds.pop(joined.inside).close()
    guard.close()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(control))


def test_a_killed_directors_traces_are_removed_and_named(joined: Segment, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"

    async def leave() -> None:
        async with AsyncIPRoute() as kernel:
            await leave_traces(kernel, joined, control)
            assert await traces(kernel, joined, tmp_path) == EVERYTHING

    run(leave)
    assert cleanup(control) == (
        f"removed the filter {FILTER_NAME} from eth0",
        "removed the clsact qdisc from eth0",
        f"removed the address {VIP} from eth0",
        f"removed {control}",
        f"removed {control}.state.json",
    )

    async def look() -> None:
        async with AsyncIPRoute() as kernel:
            assert await traces(kernel, joined, tmp_path) == NOTHING

    run(look)
    assert cleanup(control) == ()


def test_a_start_after_a_kill_takes_the_place_over(joined: Segment, file: Path, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"

    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            await leave_traces(kernel, joined, control)
            async with started(Options(socket=control, config=file)):
                assert await traces(kernel, joined, tmp_path) == EVERYTHING
            assert await traces(kernel, joined, tmp_path) == NOTHING

    run(scenario)


def test_a_clean_up_in_another_namespace_touches_nothing(joined: Segment, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"

    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            await leave_traces(kernel, joined, control)
            with joined.peer(), pytest.raises(DaemonError, match="in another network namespace"):
                await clean_up(control)
            assert await traces(kernel, joined, tmp_path) == EVERYTHING

    run(scenario)


def test_a_mistyped_socket_costs_nobody_a_file(joined: Segment, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    journal_path(precious).write_text("also mine")
    (said,) = cleanup(precious)
    assert "not a state file of the director" in said
    assert (precious.read_text(), journal_path(precious).read_text()) == ("mine", "also mine")
