# SPDX-License-Identifier: Apache-2.0
"""Processes are ended when they are the lab's, and never another's that took over an id."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.paths import LabPaths
from lab.processes import ProcessRecord, end, end_inhabitants, forget, record, records, start_time
from tests.needs import needs

SLEEP = ("sleep", "1000")
STUBBORN = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    paths = LabPaths(tmp_path, "t")
    paths.processes.mkdir(parents=True)
    return paths


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(SLEEP, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_record_is_read_as_it_was_written(paths: LabPaths, sleeper: "subprocess.Popen[bytes]") -> None:
    written = record(paths, sleeper.pid, "rs1", "nap", SLEEP)
    began = start_time(sleeper.pid)
    assert began is not None
    assert records(paths) == (written,) == (ProcessRecord(sleeper.pid, began, "rs1", "nap", SLEEP),)
    forget(paths, written)
    assert records(paths) == ()


def test_a_record_cut_short_by_a_crash_is_left_out(paths: LabPaths) -> None:
    (paths.processes / "1.json").write_text('{"pid": 1')
    (paths.processes / "2.json").write_text('{"pid": 2, "command": []}')
    assert records(paths) == ()


def test_a_recorded_process_is_ended(paths: LabPaths, sleeper: "subprocess.Popen[bytes]") -> None:
    end(record(paths, sleeper.pid, "rs1", "nap", SLEEP))
    assert sleeper.wait(timeout=0) == -signal.SIGTERM


def test_a_process_that_ignores_the_request_is_ended_by_force(paths: LabPaths) -> None:
    process = subprocess.Popen(STUBBORN, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    end(record(paths, process.pid, "rs1", "stubborn", STUBBORN))
    process.stdout.close()
    assert process.wait(timeout=0) == -signal.SIGKILL


def test_a_process_that_took_over_an_id_is_left_alone(
    paths: LabPaths, sleeper: "subprocess.Popen[bytes]"
) -> None:
    own = record(paths, sleeper.pid, "rs1", "nap", SLEEP)
    end(replace(own, start_time=own.start_time - 1))
    assert (sleeper.poll(), own.is_alive) == (None, True)


def test_a_process_that_is_dead_is_told_apart_before_it_is_reaped() -> None:
    process = subprocess.Popen(("true",))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None
    process.wait()


@needs("root", "netns")
def test_inhabitants_of_a_namespace_are_ended_and_others_left_alone(
    sleeper: "subprocess.Popen[bytes]",
) -> None:
    namespace = f"t{os.getpid()}-home"
    subprocess.run(("ip", "netns", "add", namespace), check=True)
    try:
        enter = ("nsenter", f"--net=/run/netns/{namespace}", "--", "sh", "-c", "echo in; exec sleep 1000")
        inhabitant = subprocess.Popen(enter, stdout=subprocess.PIPE)
        assert inhabitant.stdout is not None
        assert inhabitant.stdout.readline() == b"in\n"
        inhabitant.stdout.close()
        end_inhabitants((namespace, "never-there"))
        assert (inhabitant.wait(timeout=0), sleeper.poll()) == (-signal.SIGTERM, None)
    finally:
        subprocess.run(("ip", "netns", "delete", namespace), check=True)
