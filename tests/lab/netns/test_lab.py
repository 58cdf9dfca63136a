# SPDX-License-Identifier: Apache-2.0
"""The lab's Python face: names, places, and a lab that another process built."""

import os
from pathlib import Path

import pytest

from lab import Lab, LabError, Services, TopologyError, take_down
from lab.lab import lab_paths
from lab.paths import BASE, LabPaths
from lab.plan import CreateNamespace, Step
from tests.needs import needs

TOPOLOGY = "one-arm-dr"
NAMES = {
    ("one-arm-dr", None): "one-arm-dr",
    ("/srv/own.toml", None): "own",
    ("one-arm-dr", "Other-2"): "Other-2",
}


@pytest.mark.parametrize(("topology", "name"), NAMES, ids=str)
def test_a_lab_is_named_after_its_topology_unless_it_is_given_a_name(
    topology: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETNS_LAB_DIR", raising=False)
    assert lab_paths(topology, name) == LabPaths(BASE.resolve(), NAMES[topology, name])


@pytest.mark.parametrize("name", ["a/b", "..", "-a", "a b", "a" * 65])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(LabError) as raised:
        lab_paths(TOPOLOGY, name)
    assert str(raised.value) == f"lab name: found {name!r}, expected letters, digits and hyphens, 64 at most"


def test_the_environment_says_where_labs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETNS_LAB_DIR", str(tmp_path))
    assert lab_paths(TOPOLOGY).root == tmp_path / "one-arm-dr"


@pytest.mark.lab
@needs("root", "netns", "veth", "bridge")
def test_a_lab_is_found_again_and_taken_down_by_another(tmp_path: Path) -> None:
    name = f"t{os.getpid()}-again"
    steps: list[Step] = []
    built = Lab.up(TOPOLOGY, name, tmp_path, Services.LEAVE, progress=steps.append)
    try:
        found = Lab.attach(TOPOLOGY, name, tmp_path)
        hostname = found.node("client").output_of(("cat", "/sys/class/net/wan/mtu"))
    finally:
        take_down(TOPOLOGY, name, tmp_path)
    assert (found.topology, found.name, hostname) == (built.topology, name, "1500\n")
    assert [step.namespace for step in steps[:7] if isinstance(step, CreateNamespace)] == list(
        built.namespaces
    )
    with pytest.raises(LabError, match="is not up"):
        Lab.attach(TOPOLOGY, name, tmp_path)


@pytest.mark.lab
@needs("root", "netns", "veth", "bridge")
def test_taking_a_lab_down_twice_does_no_harm() -> None:
    lab = Lab.up(TOPOLOGY, f"t{os.getpid()}-twice", services=Services.LEAVE)
    lab.down()
    lab.down()
    take_down(TOPOLOGY, lab.name)


def test_an_unknown_topology_is_refused() -> None:
    with pytest.raises(TopologyError, match="no such topology"):
        Lab.up("never-there")
