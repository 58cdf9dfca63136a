# SPDX-License-Identifier: Apache-2.0
"""The daemon on a real kernel: everything but the packets, which are only recorded."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from netaddr import EUI
from pyroute2 import AsyncIPRoute

from director.config.errors import ConfigError
from director.daemon.options import Options
from director.daemon.running import Running
from director.host.addresses import present_addresses
from director.tables.decode import decode
from tests.lab.daemon.started import (
    EVERYTHING,
    FILE,
    NOTHING,
    SERVER,
    VIP,
    leave_traces,
    record,
    run,
    started,
    traces,
    write,
)
from tests.lab.segment import PEER_MAC, Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]


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


def test_a_new_server_is_in_the_tables_with_its_way_from_the_first_image_on(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with started(Options(socket=tmp_path / "control.sock", config=file)) as director:
            with_servers = [d for d in map(decode, director.datapath.images) if d.destinations]
            (destination,) = with_servers[0].destinations.values()
            assert destination.next_hop is not None
            assert destination.next_hop.destination_mac == EUI(PEER_MAC)

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


def test_a_start_after_a_kill_takes_the_place_over(joined: Segment, file: Path, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"

    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            await leave_traces(kernel, joined, control)
            async with started(Options(socket=control, config=file)):
                assert await traces(kernel, joined, tmp_path) == EVERYTHING
            assert await traces(kernel, joined, tmp_path) == NOTHING

    run(scenario)
