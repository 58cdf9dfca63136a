# SPDX-License-Identifier: Apache-2.0
"""What the lab's README shows is true: its topology is one, its program runs, and no topology is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.document import TOPOLOGIES, parse_topology, read_topology
from tests.needs import needs

README = (TOPOLOGIES.parent / "README.md").read_text()


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_each_topology_has_its_drawing() -> None:
    drawn = re.findall(r"^### `([\w-]+)`.*\n\n```\n", README, re.MULTILINE)
    assert sorted(drawn) == sorted(path.stem for path in TOPOLOGIES.glob("*.toml"))


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.toml")), ids=lambda path: path.stem)
def test_each_drawing_names_every_node_and_segment(path: Path) -> None:
    drawing = README.split(f"### `{path.stem}`")[1].split("```")[1]
    topology = read_topology(path)
    names = [
        *(node.name for node in topology.nodes),
        *(it.name for it in topology.segments if it.name != "wan"),
    ]
    assert [name for name in names if name not in drawing] == []


def test_the_topology_that_is_shown_is_without_fault() -> None:
    assert parse_topology(_block("toml"), Path("shown.toml")).node("rs1").services


@pytest.mark.lab
@needs("root", "netns", "veth", "bridge", "nginx", "dnsmasq", "tcpdump", "curl")
def test_the_program_that_is_shown_runs() -> None:
    program = _block("python").replace('name="try"', f'name="t{os.getpid()}-try"')
    environment = {**os.environ, "PYTHONPATH": str(TOPOLOGIES.parent)}
    done = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=False, env=environment
    )
    assert (done.stdout, done.stderr) == ("0 rs1\n\n", "")
