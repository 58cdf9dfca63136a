# SPDX-License-Identifier: Apache-2.0
"""The report has a row for each way, a column for each number of flows, and every sample."""

import io

from rich.console import Console

from cost.report import document, flows_of, rows, show
from cost.ways import Happening, Sample, Way
from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod

DR = Way(ProgramKind.TC, ForwardingMethod.DR, Happening.HIT)
TUN = Way(ProgramKind.TC, ForwardingMethod.TUN, Happening.HIT)
SAMPLES = (
    Sample(0, TUN, 10_000, 120.0),
    Sample(0, DR, 10_000, 70.0),
    Sample(1, DR, 10_000, 90.0),
    Sample(2, DR, 10_000, 74.0),
    Sample(0, DR, 1, 60.0),
)


def test_a_row_tells_median_and_least_for_each_number_of_flows() -> None:
    assert flows_of(SAMPLES) == (1, 10_000)
    assert rows(SAMPLES) == (("tc/dr/hit", "60 (60)", "74 (70)"), ("tc/tun/hit", "-", "120 (120)"))


def test_the_terminal_shows_costs_and_goals() -> None:
    console = Console(file=io.StringIO(), width=100)
    show(console, SAMPLES)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "10,000 flows" in text
    assert [line.split("│")[-2].strip() for line in text.splitlines() if "≤" in line] == ["met", "missed"]


def test_the_document_has_every_sample_and_what_is_judged() -> None:
    told = document(SAMPLES, {"kernel": "6.1"})
    assert told["machine"] == {"kernel": "6.1"}
    assert told["samples"] == [
        {"round": one.round, "way": one.way.name, "flows": one.flows, "ns": one.cost} for one in SAMPLES
    ]
    assert told["goals"] == [
        {"kind": "tc", "goal": "dr, a hit, 10,000 flows", "bound": 75, "measured": 74.0, "met": True},
        {
            "kind": "tc",
            "goal": "tun, a hit, more than dr, 10,000 flows",
            "bound": 25,
            "measured": 46.0,
            "met": False,
        },
    ]
