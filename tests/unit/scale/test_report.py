# SPDX-License-Identifier: Apache-2.0
"""The measures as people and programs read them."""

from __future__ import annotations

import pytest

from scale.measures import Line
from scale.report import missed, words


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0123, "s", "12.3 ms"),
        (1.5, "s", "1.50 s"),
        (512.4, "MiB", "512 MiB"),
        (120000.0, "1/s", "120,000 1/s"),
    ],
)
def test_a_number_is_written_in_the_unit_that_reads_best(value: float, unit: str, written: str) -> None:
    assert words(value, unit) == written


def test_an_edit_is_late_from_a_tenth_of_a_second_in_the_median() -> None:
    lines = (
        Line("edit", "an edit", (0.01, 0.02, 0.9)),
        Line("effect", "in effect", (0.01, 0.1, 0.9)),
        Line("stats", "the statistics", (2.0,)),
    )
    assert missed(lines) == ("in effect: 100.0 ms, not below 100.0 ms",)
