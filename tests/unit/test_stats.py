# SPDX-License-Identifier: Apache-2.0
"""Rates follow counters as kernel IPVS's estimator does."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from director.model.counters import Counters, Rates
from director.stats import FRACTION_BITS, TICK_SECONDS, SmoothedRate


def series(*growths: int, fraction_bits: int = 10) -> list[float]:
    rate, total, seen = SmoothedRate(fraction_bits), 0, []
    for growth in growths:
        total += growth
        rate = rate.step(total)
        seen.append(rate.per_second)
    return seen


def test_a_steady_rate_is_approached_by_a_quarter_every_tick() -> None:
    assert series(512, 512, 512, 512) == [64.0, 112.0, 148.0, 175.0]


def test_a_burst_fades_by_a_quarter_every_tick() -> None:
    assert series(512, 0, 0) == [64.0, 48.0, 36.0]


def test_packets_are_rounded_down_to_1024ths_and_bytes_to_32nds() -> None:
    assert series(1, 0, 0) == [128 / 1024, 96 / 1024, 72 / 1024]
    assert series(1, 0, 0, fraction_bits=5) == [4 / 32, 3 / 32, 2 / 32]


def test_what_stands_still_comes_to_rest_at_0() -> None:
    assert series(10**12, *[0] * 200)[-1] == 0.0


def test_a_counter_that_was_cleared_does_not_count_backwards() -> None:
    assert SmoothedRate(10, total=1000).step(8).per_second == 1.0


@given(st.lists(st.integers(0, 2**40), max_size=60))
def test_fixed_point_stays_within_its_error_of_the_exact_average(growths: list[int]) -> None:
    exact = 0.0
    for growth, got in zip(growths, series(*growths), strict=True):
        exact += (growth / TICK_SECONDS - exact) / 4
        assert abs(got - exact) <= 4 / 1024 + exact * 1e-9


def test_the_names_are_those_of_the_counters() -> None:
    names = [each.name for each in fields(Counters)]
    assert names == [each.name for each in fields(Rates)] == list(FRACTION_BITS)
