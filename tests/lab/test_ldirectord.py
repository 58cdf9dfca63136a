# SPDX-License-Identifier: Apache-2.0
"""Debian's ldirectord, unmodified, watches real servers and tells a director of them through ipvsadm."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import Process
from tests.lab.forwarding import DEADLINE, NEEDS, Stage, Venue, eventually, venue
from tests.lab.ipvsadm_shims import ipvsadm
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ldirectord")]

VIP = "192.0.2.1"
OWN_SERVER = Path(__file__).parent / "own_server.py"
SYSTEMS = Path("/usr/sbin/ipvsadm")  # where ldirectord looks, whatever the PATH
CONFIGURATION = """
checktimeout=10
negotiatetimeout=10
checkinterval=1
autoreload=no
quiescent={quiescent}
virtual={vip}:80
        real=10.0.0.11:80 gate 3
        real=10.0.0.12:80 gate 1
        fallback={fallback}:80 gate
        service=http
        request="index.html"
        receive="rs"
        scheduler=wrr
        protocol=tcp
        checktype=negotiate
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Have ipvsadm be ours in the director's node."""
    with venue("one-arm-dr") as it:
        ours = ipvsadm(tmp_path_factory.mktemp("ldirectord"))
        it.lab.node("director").output_of(("mount", "--bind", str(ours), str(SYSTEMS)))
        yield it


@contextmanager
def watched(place: Venue, quiescent: str, fallback: str = "10.0.0.13") -> Iterator[Stage]:
    """Have an empty director, and ldirectord tell it what to do."""
    node = place.lab.node("director")
    it = Stage(place.lab, place.ways, ("director", "run"))
    director = node.start(it.command, log="director")
    eventually(lambda: node.run(("director", "status")).returncode == 0, director.tail)
    file = node.run_directory / "ldirectord.cf"
    file.write_text(CONFIGURATION.format(vip=VIP, quiescent=quiescent, fallback=fallback))
    file.chmod(0o600)
    ldirectord = node.start(("ldirectord", "-d", "/run/ldirectord.cf", "start"), log="ldirectord")
    try:
        yield it
    finally:
        _end(ldirectord)
        _end(director)


def _end(process: Process) -> None:
    if process.is_running:
        process.signal(signal.SIGTERM)
        process.wait(timeout=DEADLINE)
    process.stop()


def table(it: Stage) -> dict[str, int]:
    """Return the servers' weights, as ipvsadm saves them."""
    words = [line.split() for line in it.lab.node("director").output_of(("ipvsadm", "-S", "-n")).splitlines()]
    return {each[4]: int(each[7]) for each in words if each[0] == "-a"}


def becomes(it: Stage, wanted: dict[str, int]) -> None:
    log = it.lab.node("director").paths.log("director", "ldirectord")
    eventually(lambda: table(it) == wanted, lambda: f"{table(it)}\n{log.read_text()[-2000:]}")


def die(it: Stage, server: str) -> None:
    """End a real server's nginx."""
    node = it.lab.node(server)
    process = int((node.paths.service(server, "nginx") / "nginx.pid").read_text())
    os.kill(process, signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{process}").exists() or "Z" in _state(process))


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


def revive(it: Stage, server: str) -> None:
    it.lab.node(server).start_service("nginx")


@pytest.mark.parametrize(
    ("quiescent", "one_dead", "all_dead"),
    [
        (
            "no",
            {"10.0.0.12:80": 1},
            {"10.0.0.13:80": 1},
        ),
        (
            "yes",
            {"10.0.0.11:80": 0, "10.0.0.12:80": 1},
            {"10.0.0.11:80": 0, "10.0.0.12:80": 0, "10.0.0.13:80": 1},
        ),
    ],
)
def test_a_server_that_dies_is_taken_out_and_put_in_again(
    place: Venue, quiescent: str, one_dead: dict[str, int], all_dead: dict[str, int]
) -> None:
    with watched(place, quiescent) as it:
        whole = {"10.0.0.11:80": 3, "10.0.0.12:80": 1}
        becomes(it, whole)
        eventually(lambda: it.curl(VIP, 8) == {"rs1": 6, "rs2": 2})
        die(it, "rs1")
        becomes(it, one_dead)
        assert it.curl(VIP, 4) == {"rs2": 4}
        die(it, "rs2")
        becomes(it, all_dead)
        eventually(lambda: it.curl(VIP, 4) == {"rs3": 4})
        revive(it, "rs1")
        revive(it, "rs2")
        becomes(it, whole)
        eventually(lambda: it.curl(VIP, 8) == {"rs1": 6, "rs2": 2})


def test_the_director_itself_answers_when_all_have_died(place: Venue) -> None:
    own = (sys.executable, str(OWN_SERVER))
    with watched(place, "no", "127.0.0.1") as it, it.lab.node("director").start(own, log="own"):
        becomes(it, {"10.0.0.11:80": 3, "10.0.0.12:80": 1})
        die(it, "rs1")
        die(it, "rs2")
        becomes(it, {"127.0.0.1:80": 1})
        eventually(lambda: it.curl(VIP, 4) == {"director": 4})
        revive(it, "rs1")
        revive(it, "rs2")
        becomes(it, {"10.0.0.11:80": 3, "10.0.0.12:80": 1})
