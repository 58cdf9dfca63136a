# SPDX-License-Identifier: Apache-2.0
"""The result as tables for a terminal, and as JSON. Pure, but for `show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cost.ways import WAYS, Sample, costs, outcomes

FORMAT = 1
NOTHING = "-"


def rows(samples: Sequence[Sample]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each way that was measured: its name, and a cell for each number of flows."""
    flows = flows_of(samples)
    measured = {sample.way for sample in samples}
    return tuple(
        (way.name, *(_cell(costs(samples, way, n)) for n in flows)) for way in WAYS if way in measured
    )


def flows_of(samples: Sequence[Sample]) -> tuple[int, ...]:
    return tuple(sorted({sample.flows for sample in samples}))


def _cell(values: Sequence[float]) -> str:
    return f"{median(values):.0f} ({min(values):.0f})" if values else NOTHING


def show(console: Console, samples: Sequence[Sample]) -> None:
    """Print the costs and how they stand to the goals."""
    table = Table(title=Text("ns per packet: median (least) of the rounds", "bold"), title_justify="left")
    table.add_column("", no_wrap=True)
    for many in flows_of(samples):
        table.add_column(f"{many:,} flow{'s' if many > 1 else ''}", justify="right")
    for row in rows(samples):
        table.add_row(*row)
    console.print(table, "")
    judged = outcomes(samples)
    if judged:
        goals = Table(title=Text("Goals", "bold"), title_justify="left")
        for heading in ("", "goal", "measured", "wanted", ""):
            goals.add_column(heading)
        for one in judged:
            words = "met" if one.is_met else "missed"
            goals.add_row(one.kind.value, one.goal, f"{one.measured:.0f}", f"≤ {one.bound}", words)
        console.print(goals, "")


def document(samples: Sequence[Sample], facts: Mapping[str, object]) -> dict[str, object]:
    """Return everything that was seen, for machines."""
    return {
        "format": FORMAT,
        "machine": dict(facts),
        "samples": [
            {"round": one.round, "way": one.way.name, "flows": one.flows, "ns": one.cost} for one in samples
        ],
        "goals": [
            {
                "kind": one.kind.value,
                "goal": one.goal,
                "bound": one.bound,
                "measured": one.measured,
                "met": one.is_met,
            }
            for one in outcomes(samples)
        ],
    }
