# SPDX-License-Identifier: Apache-2.0
"""A lab is built whole or not at all, never over what another left, and goes without a trace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import Lab, LabError, Services, take_down
from lab.building import down_command
from lab.document import TOPOLOGIES
from lab.kernel import existing_namespaces
from lab.lab import lab_paths
from lab.plan import Step
from lab.processes import start_time
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bridge", "nginx", "dnsmasq")]
TOPOLOGY = "one-arm-dr"
DIES_HALFWAY = """
import os, signal, sys
from lab import Lab

left = int(sys.argv[3])

def die(step):
    global left
    left -= type(step).__name__ == sys.argv[2]
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Lab.up("one-arm-dr", sys.argv[1], progress=die)
"""


def _name(suffix: str) -> str:
    return f"t{os.getpid()}-{suffix}"


def _traces(name: str) -> tuple[list[str], bool, int]:
    """List what there is of a lab: namespaces, directory, mounts."""
    mounts = Path("/proc/self/mountinfo").read_text().count(f"/{name}")
    namespaces = [namespace for namespace in existing_namespaces() if namespace.startswith(f"{name}-")]
    return namespaces, lab_paths(TOPOLOGY, name).root.exists(), mounts


NO_TRACE: tuple[list[str], bool, int] = ([], False, 0)


def test_a_lab_leaves_no_trace_and_no_process() -> None:
    name = _name("gone")
    with Lab.up(TOPOLOGY, name) as lab:
        pids = [service.pid for service in lab.services]
    assert len(pids) == 6
    assert [pid for pid in pids if start_time(pid) is not None] == []
    assert _traces(name) == NO_TRACE


def test_a_lab_goes_down_when_its_user_is_interrupted() -> None:
    name = _name("ctrlc")
    with pytest.raises(KeyboardInterrupt), Lab.up(TOPOLOGY, name, services=Services.LEAVE):
        raise KeyboardInterrupt
    assert _traces(name) == NO_TRACE


def test_a_failure_halfway_leaves_nothing() -> None:
    name, steps = _name("fail"), iter(range(60))

    def fail(step: Step) -> None:
        if next(steps, None) is None:
            raise LabError(f"no {step}")

    with pytest.raises(LabError):
        Lab.up(TOPOLOGY, name, progress=fail)
    assert _traces(name) == NO_TRACE


def test_a_lab_that_is_up_is_not_built_again() -> None:
    name = _name("twice")
    with Lab.up(TOPOLOGY, name, services=Services.LEAVE):
        with pytest.raises(LabError) as raised:
            Lab.up(TOPOLOGY, name)
        again = _traces(name)
    command = f"scripts/lab down one-arm-dr --name {name}"
    assert str(raised.value) == f"lab {name} is up already; take it down with: {command}"
    assert len(again[0]) == 7, "the refused attempt must not touch the lab"


@pytest.mark.parametrize(
    ("step", "count", "namespaces", "processes"),
    [
        ("CreateNamespace", 4, 3, 0),
        ("AddAddress", 3, 7, 0),
        ("FurnishNode", 3, 7, 0),
        ("StartService", 3, 7, 2),
    ],
)
def test_a_lab_killed_halfway_is_refused_until_it_is_taken_down(
    step: str, count: int, namespaces: int, processes: int
) -> None:
    name = _name(step)
    killed = subprocess.run(
        (sys.executable, "-c", DIES_HALFWAY, name, step, str(count)),
        env={**os.environ, "PYTHONPATH": str(TOPOLOGIES.parent)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(LabError) as raised:
        Lab.up(TOPOLOGY, name)
    assert str(raised.value) == (
        f"lab {name} is half-cleaned: found its directory, {namespaces} of its 7 namespaces, "
        f"living processes: {processes}; clean it with: scripts/lab down one-arm-dr --name {name}"
    )
    take_down(TOPOLOGY, name)
    assert _traces(name) == NO_TRACE


def test_namespaces_without_a_directory_are_refused_and_taken_down() -> None:
    name = _name("stray")
    subprocess.run(("ip", "netns", "add", f"{name}-rs2"), check=True)
    with pytest.raises(LabError, match="half-cleaned: found no directory, 1 of its 7 namespaces"):
        Lab.up(TOPOLOGY, name)
    take_down(TOPOLOGY, name)
    assert _traces(name) == NO_TRACE


def test_what_a_node_left_running_dies_with_the_lab() -> None:
    with Lab.up(TOPOLOGY, _name("stray2"), services=Services.LEAVE) as lab:
        script = "setsid sleep 1000 >/dev/null 2>&1 & echo $!"
        pid = int(lab.node("client").output_of(("sh", "-c", script)))
        assert start_time(pid) is not None
    assert start_time(pid) is None


def test_two_labs_of_one_topology_run_side_by_side() -> None:
    with Lab.up(TOPOLOGY, _name("one")) as one, Lab.up(TOPOLOGY, _name("two")) as two:
        (one.node("rs1").paths.service("rs1", "nginx") / "www/index.html").write_text("of lab one\n")
        pages = [lab.node("client").output_of(("curl", "-sS", "http://10.0.0.11/")) for lab in (one, two)]
    assert pages == ["of lab one\n", "rs1\n"]


def test_the_command_that_takes_a_lab_down_is_as_short_as_it_can_be(tmp_path: Path) -> None:
    shipped, own = TOPOLOGIES / "mixed.toml", tmp_path / "own.toml"
    commands = [
        down_command(shipped, lab_paths("mixed", base=Path("/run/netns-lab"))),
        down_command(shipped, lab_paths("mixed", "other", Path("/run/netns-lab"))),
        down_command(own, lab_paths(str(own), base=tmp_path)),
    ]
    assert commands == [
        "scripts/lab down mixed",
        "scripts/lab down mixed --name other",
        f"scripts/lab down {own} --directory {tmp_path}",
    ]
