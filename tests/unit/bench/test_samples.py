# SPDX-License-Identifier: Apache-2.0
"""Medians, spreads and ratios: compared within a round, with nothing made up where a sample is missing."""

import pytest

from bench.samples import Better, Quantity, Sample, Summary, ratio, series, summary

RATE = Quantity("rate", "Rate", "/s", Better.MORE)
COST = Quantity("cost", "Cost", "ns", Better.LESS, marginal_to="none")


def taken(quantity: str, contender: str, *values: float) -> list[Sample]:
    return [Sample(number, contender, quantity, value) for number, value in enumerate(values)]


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians() -> None:
    samples = taken("rate", "ours", 10, 40, 90) + taken("rate", "theirs", 10, 20, 100)
    assert ratio(samples, RATE, "ours", "theirs") == 1.0


def test_a_round_without_one_of_the_two_does_not_count() -> None:
    samples = [*taken("rate", "ours", 10, 30), Sample(1, "theirs", "rate", 10)]
    assert ratio(samples, RATE, "ours", "theirs") == 3.0
    assert ratio(samples, RATE, "ours", "nobody") is None


def test_a_reference_of_nothing_makes_no_ratio() -> None:
    samples = taken("rate", "ours", 10, 10) + taken("rate", "theirs", 0, 5)
    assert ratio(samples, RATE, "ours", "theirs") == 2.0


def test_a_marginal_quantity_is_what_is_left_without_the_other() -> None:
    samples = taken("cost", "none", 100, 110) + taken("cost", "ours", 300, 350, 400)
    assert series(samples, COST, "ours") == {0: 200, 1: 240}
    assert series(samples, COST, "none") == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), None),
        ((5.0,), Summary(5.0, 5.0, 5.0, 5.0, 5.0, 1)),
        ((4.0, 1.0, 2.0, 3.0, 100.0), Summary(3.0, 2.0, 4.0, 1.0, 100.0, 5)),
    ],
)
def test_a_summary_has_median_quartiles_and_extremes(
    values: tuple[float, ...], expected: Summary | None
) -> None:
    assert summary(values) == expected


def test_the_spread_is_half_the_quartiles_distance_as_a_share_of_the_median() -> None:
    assert Summary(4.0, 3.0, 5.0, 1.0, 9.0, 5).spread == 0.25
    assert Summary(0.0, 3.0, 5.0, 1.0, 9.0, 5).spread == 0.0
