# SPDX-License-Identifier: Apache-2.0
"""A lab's status is what is there at the moment: also a process that has ended."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from lab import Lab, Services
from lab.kernel import LinkState, RouteState
from lab.paths import LabPaths
from lab.rundir import LabState
from lab.status import LabStatus, NodeStatus, ProcessStatus, labs_table, not_up, observe, table
from tests.needs import needs

LOOPBACK = LinkState("lo", "unknown", 65536, "00:00:00:00:00:00", ("127.0.0.1/8", "::1/128"))


@pytest.mark.lab
@needs("root", "netns", "veth", "bridge")
def test_a_node_is_observed_with_what_runs_and_what_has_ended(tmp_path: Path) -> None:
    topology = tmp_path / "alone.toml"
    topology.write_text(
        "[segment.lan]\n[node.a.interface.lan]\naddresses = ['10.0.0.1/24']\nmac = '02:00:00:00:00:01'"
    )
    with Lab.up(str(topology), f"t{os.getpid()}-status", services=Services.LEAVE) as lab:
        ended = lab.node("a").start(("true",), log="brief")
        ended.wait(timeout=10)
        running = lab.node("a").start(("sleep", "1000"), log="long")
        status = observe(lab.topology, lab.paths)
    lan = LinkState("lan", "up", 1500, "02:00:00:00:00:01", ("10.0.0.1/24",))
    processes = {
        ProcessStatus(ended.pid, "brief", alive=False, command=("true",)),
        ProcessStatus(running.pid, "long", alive=True, command=("sleep", "1000")),
    }
    assert (status.name, status.topology, status.state) == (lab.name, "alone", "up")
    assert [(node.name, node.interfaces, node.routes) for node in status.nodes] == [
        ("a", (LOOPBACK, lan), ())
    ]
    assert set(status.nodes[0].processes) == processes


def _text(status: LabStatus) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table(status))
    return console.export_text()


def test_a_table_has_a_row_for_each_node() -> None:
    node = NodeStatus(
        name="rs1",
        namespace="t-rs1",
        interfaces=(LOOPBACK, LinkState("lan", "up", 1500, "02:00:00:00:00:01", ("10.0.0.1/24",))),
        routes=(RouteState("default", "10.0.0.254"),),
        processes=(
            ProcessStatus(7, "nginx", alive=True, command=("nginx",)),
            ProcessStatus(8, "dnsmasq", alive=False, command=("dnsmasq",)),
        ),
    )
    text = _text(LabStatus("t", "pair", "up", "/run/netns-lab/t", (node,)))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    assert rows == [
        ["rs1", "lan 10.0.0.1/24", "default via 10.0.0.254", "nginx 7"],
        ["", "", "", "dnsmasq ended"],
    ]


def test_labs_are_listed_with_their_states() -> None:
    absent = not_up("pair", LabPaths(Path("/run/netns-lab"), "t"), LabState.HALF)
    assert absent == LabStatus("t", "pair", "half-cleaned", "/run/netns-lab/t", ())
    assert labs_table((absent,), ()).row_count == 1
