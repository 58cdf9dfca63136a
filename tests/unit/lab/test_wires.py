# SPDX-License-Identifier: Apache-2.0
"""What is at the other ends of a node's wires is known, and what makes them plain is set there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.document import parse_topology
from lab.plan import SetOffload
from lab.topology import Offload, OffloadSetting, SegmentKind, Switch
from lab.wires import FarEnd, Wires, far_end, settings

TRIO = """
[segment.left]
kind = "cable"
[segment.lan]
[node.a.interface.left]
[node.b.interface.wan]
segment = "left"
[node.b.interface.lan]
[node.c.interface.lan]
"""
TOPOLOGY = parse_topology(TRIO, Path("trio.toml"))


@pytest.mark.parametrize(
    ("node", "interface", "wanted"),
    [
        ("a", "left", FarEnd("b", "wan", SegmentKind.CABLE)),
        ("b", "wan", FarEnd("a", "left", SegmentKind.CABLE)),
        ("b", "lan", FarEnd("lan", "b-lan", SegmentKind.BRIDGE)),
    ],
)
def test_a_wire_ends_at_the_other_node_or_at_a_bridges_port(
    node: str, interface: str, wanted: FarEnd
) -> None:
    assert far_end(TOPOLOGY, node, interface) == wanted


@pytest.mark.parametrize(
    ("wires", "filled", "polled"),
    [(Wires.PLAIN, Switch.OFF, Switch.ON), (Wires.OFFLOADED, Switch.ON, Switch.OFF)],
)
def test_plain_wires_have_far_ends_that_fill_checksums_in_and_poll(
    wires: Wires, filled: Switch, polled: Switch
) -> None:
    checksums, polling = OffloadSetting(Offload.TX, filled), OffloadSetting(Offload.GRO, polled)
    assert tuple(settings(TOPOLOGY, "t", "b", wires)) == (
        SetOffload("t-a", "left", checksums),
        SetOffload("t-a", "left", polling),
        SetOffload("t-lan", "b-lan", checksums),
        SetOffload("t-lan", "b-lan", polling),
    )
