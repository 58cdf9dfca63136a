# SPDX-License-Identifier: Apache-2.0
"""The demo itself: it ends well, says what it saw, and leaves nothing, whichever way it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.forwarding import NEEDS, eventually
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("wrk", "nft", "tcpdump")]

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = Path("/run/netns")
COMMAND = (sys.executable, "-m", "demo")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "netns-lab"), "COLUMNS": "80"}


DATAPATHS = ("auto", "packet", "tc", "xdp")
BEST = ("tc", "veth: frames come large, and checksums not filled in")


@dataclass(frozen=True, slots=True)
class Given:
    """The demo as it was given once: what it was asked for, how it ended, and what it wrote."""

    datapath: str
    done: subprocess.CompletedProcess[str]
    file: Path


@pytest.fixture(scope="module", params=DATAPATHS)
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Given:
    file = tmp_path_factory.mktemp("demo") / "demo.json"
    command = (*COMMAND, "--datapath", request.param, "--json", str(file))
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    return Given(request.param, done, file)


def test_the_demo_ends_well(given: Given) -> None:
    assert (given.done.returncode, given.done.stderr) == (0, ""), given.done.stdout
    assert "each reply by the way its method promises" in given.done.stdout


def test_the_demo_says_what_carries_each_interface_and_why(given: Given) -> None:
    datapath, why = BEST if given.datapath == "auto" else (given.datapath, "asked for")
    told = json.loads(given.file.read_text())["interfaces"]
    assert told == [{"interface": leg, "datapath": datapath, "why": why} for leg in ("lan", "inside")]
    assert [f"{leg} by {datapath} ({why})" in given.done.stdout for leg in ("lan", "inside")] == [True, True]


def test_the_demo_says_what_it_saw(given: Given) -> None:
    told = json.loads(given.file.read_text())
    services = {one["service"]: one for one in told["services"]}
    assert told["faults"] == []
    assert sorted(services) == sorted(
        f"{protocol}:192.0.2.{method}:{port}"
        for method in (1, 2, 3)
        for protocol, port in (("tcp", 80), ("udp", 53))
    )
    assert [one["errors"] for one in services.values()] == [0] * 6
    assert [one["reply_frames_from_director"] > 0 for one in services.values()] == [
        one["method"] == "nat" for one in services.values()
    ]
    assert min(server["answered"] for one in services.values() for server in one["servers"]) > 0


def test_an_interrupted_demo_takes_its_lab_down(demo: subprocess.Popen[str]) -> None:
    eventually(lambda: _namespaces(demo.pid), lambda: "the demo made no network")
    demo.send_signal(signal.SIGINT)
    _output, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (130, "demo: interrupted; the lab is down\n")
    assert _namespaces(demo.pid) == []


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        COMMAND, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=30)


def _namespaces(pid: int) -> list[str]:
    return [path.name for path in NAMESPACES.glob(f"demo-{pid}-*")] if NAMESPACES.is_dir() else []
