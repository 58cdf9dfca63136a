# SPDX-License-Identifier: Apache-2.0
"""The picture: what it shows, and that it is written."""

from pathlib import Path

from bench.contenders import BY_NAME
from bench.goals import QUANTITIES
from bench.plot import draw, shown
from bench.samples import Sample
from tests.unit.bench.test_report import MACHINE

SAMPLES = (
    Sample(0, "packet-dr", "upload", 9.0),
    Sample(1, "packet-dr", "upload", 11.0),
    Sample(0, "direct", "cost", 900.0),
    Sample(0, "packet-dr", "cost", 850.0),  # noise may make a cost negative
)


def test_a_panel_shows_who_was_measured() -> None:
    assert shown(SAMPLES, QUANTITIES["upload"]) == [(BY_NAME["packet-dr"], [9.0, 11.0])]
    assert shown(SAMPLES, QUANTITIES["cost"]) == [(BY_NAME["packet-dr"], [-50.0])]
    assert shown(SAMPLES, QUANTITIES["download"]) == []


def test_a_png_is_written(tmp_path: Path) -> None:
    draw(SAMPLES, MACHINE, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_measured_draws_nothing(tmp_path: Path) -> None:
    draw((), MACHINE, tmp_path / "bench.png")
    assert list(tmp_path.iterdir()) == []
