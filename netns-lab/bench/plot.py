# SPDX-License-Identifier: Apache-2.0
"""The result as a picture: one panel for each quantity, a bar for each contender, a dot for each sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot

from bench.contenders import CONTENDERS, Carries, Contender
from bench.machine import Machine
from bench.measures import MEASURES
from bench.report import describe
from bench.samples import Better, Quantity, Sample, series, summary

COLUMNS = 2
BAR_INCHES, PANEL_INCHES, WIDTH_INCHES = 0.3, 1.0, 15.0
OURS, KERNEL, PROXY, NONE = "#c8553d", "#4f7cac", "#7d8597", "#b7c9a8"


def colour(contender: Contender) -> str:
    if not contender.is_director:
        return NONE
    if contender.title.startswith("director"):
        return OURS
    return KERNEL if contender.carries is Carries.PACKETS else PROXY


def draw(samples: Sequence[Sample], machine: Machine, path: Path) -> None:
    """Draw all that was measured into a PNG file."""
    every = [quantity for measure in MEASURES for quantity in measure.quantities if shown(samples, quantity)]
    if not every:
        return
    rows = -(-len(every) // COLUMNS)
    most = max(len(shown(samples, quantity)) for quantity in every)
    height = rows * (PANEL_INCHES + most * BAR_INCHES) + 0.8
    mpl.rcParams["figure.constrained_layout.h_pad"] = 0.12  # inches: panels have headings and units
    figure, panels = pyplot.subplots(
        rows,
        COLUMNS,
        figsize=(WIDTH_INCHES, height),
        squeeze=False,
        layout="constrained",
    )
    for panel, quantity in zip(panels.flat, every, strict=False):
        _panel(panel, samples, quantity)
    for panel in list(panels.flat)[len(every) :]:
        panel.set_axis_off()
    figure.suptitle("What each way through a director costs", fontsize=15, fontweight="bold")
    figure.supxlabel(describe(machine), fontsize=8, color="#555555")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def shown(samples: Sequence[Sample], quantity: Quantity) -> list[tuple[Contender, list[float]]]:
    """List the contenders of a panel with their values."""
    every = ((one, list(series(samples, quantity, one.name).values())) for one in CONTENDERS)
    return [(contender, values) for contender, values in every if values]


def _panel(panel: Any, samples: Sequence[Sample], quantity: Quantity) -> None:
    rows = shown(samples, quantity)
    sense = "more is better →" if quantity.better is Better.MORE else "← less is better"
    for place, (contender, values) in enumerate(rows):
        middle = summary(values)
        assert middle is not None
        panel.barh(place, middle.median, height=0.72, color=colour(contender), alpha=0.85)
        if len(values) > 1:
            panel.plot(values, [place] * len(values), "o", markersize=3, color="black", alpha=0.45)
        panel.text(
            1.01,
            place,
            f"{middle.median:,.{quantity.digits}f}",
            transform=panel.get_yaxis_transform(),  # x as a share of the panel: a column beside it
            va="center",
            fontsize=9,
        )
    panel.set_yticks(range(len(rows)), [contender.title for contender, _ in rows], fontsize=9)
    panel.invert_yaxis()
    panel.set_title(quantity.title, fontsize=10.5, fontweight="bold", loc="left")
    panel.set_xlabel(f"{quantity.unit}   ({sense})", fontsize=9)
    panel.tick_params(axis="x", labelsize=8)
    panel.xaxis.set_major_formatter(lambda value, _position: f"{value:,g}")
    panel.grid(axis="x", color="#dddddd", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
