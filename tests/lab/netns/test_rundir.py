# SPDX-License-Identifier: Apache-2.0
"""A lab's directory has one owner, tells what it was built from, and goes with its mounts."""

import json
from pathlib import Path

import pytest

from lab import rundir
from lab.document import TOPOLOGIES, read_topology
from lab.errors import LabError
from lab.paths import LabPaths
from lab.plan import make_plan, namespaces
from lab.rundir import LabState, Traces
from tests.needs import needs

pytestmark = needs("root", "netns")
SOURCE = TOPOLOGIES / "one-arm-dr.toml"
TOPOLOGY = read_topology(SOURCE)


def test_a_name_is_claimed_once(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path, "t")
    rundir.claim(paths)
    try:
        with pytest.raises(LabError) as raised:
            rundir.claim(paths)
    finally:
        rundir.remove(paths)
    assert str(raised.value) == f"lab t: {paths.root} is there already: another lab took the name"


def test_the_directory_is_a_private_mount_of_itself_until_it_is_removed(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path, "t")
    rundir.claim(paths)
    claimed = _propagation(paths.root)
    rundir.remove(paths)
    assert (claimed, _propagation(paths.root), paths.root.exists()) == (["-"], [], False)


def _propagation(root: Path) -> list[str]:
    rows = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [row[6] for row in rows if row[4] == str(root)]


def test_removing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    rundir.remove(LabPaths(tmp_path, "t"))
    assert list(tmp_path.iterdir()) == []


def test_a_plan_is_written_down_before_it_is_carried_out(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path, "t")
    paths.root.mkdir()
    steps, names = make_plan(TOPOLOGY, paths), namespaces(TOPOLOGY, "t")
    rundir.record_plan(paths, SOURCE, TOPOLOGY, names, steps)
    written = json.loads(paths.plan.read_text())["steps"]
    assert (rundir.recorded_namespaces(paths), rundir.recorded_topology_name(paths)) == (names, "one-arm-dr")
    assert paths.topology.read_text() == SOURCE.read_text()
    assert [step["step"] for step in written] == [type(step).__name__ for step in steps]
    assert written[0] == {"step": "CreateNamespace", "namespace": "t-client"}


def test_a_lab_that_died_before_its_plan_was_written_has_nothing_recorded(tmp_path: Path) -> None:
    paths = LabPaths(tmp_path, "t")
    assert (rundir.recorded_namespaces(paths), rundir.recorded_topology_name(paths)) == ((), "unknown")


def test_traces_are_told_apart(tmp_path: Path) -> None:
    absent, half = LabPaths(tmp_path, "absent"), LabPaths(tmp_path, "half")
    half.root.mkdir()
    wanted = ("never-there-a", "never-there-b")
    found = [rundir.find_traces(paths, wanted) for paths in (absent, half)]
    assert found == [
        Traces(LabState.ABSENT, (), 2, has_directory=False, processes=0),
        Traces(LabState.HALF, (), 2, has_directory=True, processes=0),
    ]
    assert str(found[1]) == "its directory, 0 of its 2 namespaces, living processes: 0"
