# SPDX-License-Identifier: Apache-2.0
"""What a killed director left is removed, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog
from pyroute2 import AsyncIPRoute

from director.daemon import cleanup
from director.daemon.cleanup import CleanUp, clean_up
from director.daemon.errors import DaemonError
from director.daemon.journal import journal_path
from director.daemon.options import Options
from director.daemon.running import Running
from director.datapath.attachment import FILTER_NAME
from director.datapath.errors import DatapathError
from tests.lab.daemon.started import (
    EVERYTHING,
    NOTHING,
    VIP,
    leave_traces,
    record,
    run,
    started,
    traces,
)
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]


def test_two_directors_never_share_a_socket_or_an_interface(
    joined: Segment, file: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        first = Options(socket=tmp_path / "control.sock", config=file)
        second = Options(socket=tmp_path / "other.sock", config=file)
        async with started(first) as director:
            with pytest.raises(DaemonError, match=r"a director is running on .*control\.sock"):
                await Running(first, record).run()
            with (
                structlog.testing.capture_logs() as lines,
                pytest.raises(DatapathError, match="already has a director"),
            ):
                await Running(second, record).run()
            assert {line["event"] for line in lines if "alone" in line.get("what", "")} == {
                "left alone at the start"
            }
            with pytest.raises(DaemonError, match="a director is running"):
                await clean_up(first.socket)
            said = await clean_up(second.socket)
            holder = f"eth0 already has a director: process {os.getpid()}"
            assert said == CleanUp(left=(f"left the filter on eth0 alone: {holder}",))
            assert await traces(director.kernel, joined, tmp_path) == EVERYTHING

    run(scenario)


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
