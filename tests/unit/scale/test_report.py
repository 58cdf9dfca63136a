# SPDX-License-Identifier: Apache-2.0
"""The measures as people and programs read them."""

from __future__ import annotations

import pytest

from scale.measures import Line, amount
from scale.report import legend, missed, words
from scale.scene import Servers, Size


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


@pytest.mark.parametrize(
    ("size", "written"), [(20, "20 bytes"), (1536, "1.5 KiB"), (2**20, "1.0 MiB"), (25 * 2**20, "25.0 MiB")]
)
def test_the_size_of_an_answer_has_the_unit_that_reads_best(size: int, written: str) -> None:
    assert amount(size) == written


def test_the_legend_tells_why_there_are_two_floods_and_how_large_they_are() -> None:
    told = legend(Size(30, 100, 20_000, "wlc", Servers.SHARED))
    assert told == (
        "packets forwarded: a flood of one service by 1,000 flows, which a processor's cache can hold,\n"
        "and by 2,000, the connections of each of the 10 filled services"
    )
