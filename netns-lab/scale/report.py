# SPDX-License-Identifier: Apache-2.0
"""The measures as a table for people and as JSON. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from bench.machine import Machine
from scale.measures import FEW, Line
from scale.scene import FULL, Size

GOAL = 0.1
EDITS = ("edit", "effect", "full-edit", "listing-effect")
"""What has to be below GOAL, in the median: a machine that does other things too has bad moments."""


def table(lines: Iterable[Line]) -> Table:
    """Lay the measures out."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("MEASURE", "MEDIAN", "WORST", "OF"):
        grid.add_column(title, justify="left" if title == "MEASURE" else "right")
    for line in lines:
        many = len(line.samples) > 1
        grid.add_row(
            line.title, words(line.median, line.unit), words(line.worst, line.unit) if many else "",
            str(len(line.samples)),
        )  # fmt: skip
    return grid


def legend(size: Size) -> str:
    """Say what the table's titles leave open."""
    return (
        f"packets forwarded: a flood of one service by {FEW:,} flows, which a processor's cache can hold,\n"
        f"and by {size.connections // FULL:,}, the connections of each of the {FULL} filled services"
    )


def words(value: float, unit: str) -> str:
    """Write a number in the unit that is read most easily."""
    if unit != "s":
        return f"{value:,.0f} {unit}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def missed(lines: Iterable[Line]) -> tuple[str, ...]:
    """Name the edits that took too long to be in effect."""
    late = (line for line in lines if line.name in EDITS and line.median >= GOAL)
    return tuple(f"{line.title}: {words(line.median, 's')}, not below {words(GOAL, 's')}" for line in late)


def document(lines: Sequence[Line], size: Size, datapath: str, machine: Machine) -> dict[str, Any]:
    """Return everything as JSON writes it."""
    return {
        "machine": asdict(machine),
        "datapath": datapath,
        "size": {**asdict(size), "who": size.who.value},
        "measures": [asdict(line) for line in lines],
    }
