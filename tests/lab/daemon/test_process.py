# SPDX-License-Identifier: Apache-2.0
"""The director as a process, with no more rights than its unit gives: started, killed, cleaned up after."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyroute2 import AsyncIPRoute

from director.datapath.attachment import DATAPATH_FILTER_NAME
from tests.lab.daemon.started import EVERYTHING, FILE, NOTHING, traces
from tests.lab.segment import Segment, eventually
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]

DIRECTOR = Path(sys.executable).with_name("director")
UNIT = Path(__file__).parents[3] / "director/systemd/director.service"
STANDING = {
    **EVERYTHING,
    "filters": [DATAPATH_FILTER_NAME],
    "files": ["control.sock", "control.sock.state.json", "control.sock.tables"],
}


@pytest.fixture
def control(tmp_path: Path) -> Path:
    (tmp_path / "director.toml").write_text(FILE)
    return tmp_path / "control.sock"


def capabilities() -> list[str]:
    """Read the capabilities that the unit keeps, as setpriv names them."""
    (line,) = [one for one in UNIT.read_text().splitlines() if one.startswith("CapabilityBoundingSet=")]
    return [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]


def command(control: Path, kept: list[str]) -> list[str]:
    only = ",".join(("-all", *(f"+{name}" for name in kept)))
    options = ["--config", str(control.with_name("director.toml")), "--socket", str(control)]
    return [
        "setpriv", f"--inh-caps={only}", f"--bounding-set={only}", "--no-new-privs",
        str(DIRECTOR), "run", "--log-format", "json", *options,
    ]  # fmt: skip


@contextmanager
def running(control: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A director that is ready, and gone after the block, however that ends."""
    process = subprocess.Popen([*command(control, capabilities()), *words], stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: process.poll() is not None or control.is_socket(), "it did not listen", 20)
        yield process
    finally:
        process.kill()
        process.wait(5)
        assert process.stderr is not None
        process.stderr.close()


def found(joined: Segment, directory: Path) -> dict[str, object]:
    async def look() -> dict[str, object]:
        async with AsyncIPRoute() as kernel:
            return await traces(kernel, joined, directory)

    return asyncio.run(look())


def director(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DIRECTOR, *words], capture_output=True, text=True, check=False, timeout=30)


def test_the_units_capabilities_are_enough(joined: Segment, control: Path) -> None:
    """Also for the data path in the kernel, which is the best on a veth."""
    with running(control) as process:
        assert found(joined, control.parent) == STANDING
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert found(joined, control.parent) == NOTHING


def test_without_the_right_to_load_programs_one_sentence_says_so(joined: Segment, control: Path) -> None:
    kept = [name for name in capabilities() if name != "bpf"]
    done = subprocess.run(command(control, kept), capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "loading eBPF programs is not permitted: run as root, or with CAP_BPF" in done.stderr
    assert found(joined, control.parent) == NOTHING


def test_what_a_killed_director_left_is_taken_over_by_the_next(joined: Segment, control: Path) -> None:
    with running(control) as first:
        first.kill()
        first.wait(5)
        assert found(joined, control.parent) == STANDING
    control.unlink()  # so that the wait below is for the next one's
    with running(control) as second:
        assert found(joined, control.parent) == STANDING
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0
        assert second.stderr is not None
        assert '"event": "tables taken over"' in second.stderr.read()
    assert found(joined, control.parent) == NOTHING


def test_where_nothing_outlives_the_process_the_start_says_so_and_none_is_left_running(
    joined: Segment, control: Path
) -> None:
    why = "the data path `packet` ends with its process"
    with running(control, "--datapath", "packet") as process:
        refused = director("--socket", str(control), "stop", "--leave-running")
        assert (refused.returncode, refused.stderr) == (
            1,
            f"forwarding can not be left on: {why}; the director runs on\n",
        )
        assert director("--socket", str(control), "stop").returncode == 0
        assert process.wait(5) == 0
        assert process.stderr is not None
        told = [json.loads(line) for line in process.stderr]
    assert [one["why"] for one in told if one["event"] == "connections will not outlive this process"] == [
        why
    ]
    assert found(joined, control.parent) == NOTHING


def test_after_a_stop_that_leaves_it_running_forwarding_is_said_to_go_on(
    joined: Segment, control: Path
) -> None:
    with running(control) as process:
        assert director("--socket", str(control), "stop", "--leave-running").returncode == 0
        assert process.wait(5) == 0
    asked = director("--socket", str(control), "status")
    goes_on = "the next `director run` takes it over, `director cleanup` ends it"
    assert (asked.returncode, asked.stderr) == (
        1,
        f"the director at {control} was stopped and left forwarding on: {goes_on}\n",
    )
    assert director("--socket", str(control), "cleanup").returncode == 0
    assert found(joined, control.parent) == NOTHING
    assert director("--socket", str(control), "cleanup").stdout == "nothing left to remove\n"


def test_cleanup_leaves_a_living_director_alone_and_nothing_of_a_dead_one(
    joined: Segment, control: Path
) -> None:
    with running(control) as process:
        refused = director("--socket", str(control), "cleanup")
        assert (refused.returncode, "a director is running on" in refused.stderr) == (1, True)
        assert found(joined, control.parent) == STANDING
        process.kill()
        process.wait(5)
        done = director("--socket", str(control), "cleanup")
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 7)
        assert found(joined, control.parent) == NOTHING


def test_stop_returns_when_all_is_gone(joined: Segment, control: Path) -> None:
    with running(control) as process:
        assert director("--socket", str(control), "stop").returncode == 0
        assert found(joined, control.parent) == NOTHING
        assert process.wait(5) == 0
