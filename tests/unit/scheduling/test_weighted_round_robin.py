# SPDX-License-Identifier: Apache-2.0
"""wrr's sequences, as kernel IPVS gives them to a service whose destinations are added one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.scheduling import Load
from director.scheduling.weighted_round_robin import WeightedRoundRobin, level_step
from tests.unit.scheduling.runs import listed, sequence


def added(*weights: int) -> WeightedRoundRobin:
    """The live part after these destinations were added one by one."""
    scheduler = WeightedRoundRobin()
    for count in range(1, len(weights) + 1):
        scheduler.change(*level_step(weights[:count]))
    return scheduler


@pytest.mark.parametrize(
    ("weights", "want"),
    [
        ((4, 3, 2), [13, 12, 11, 11, 12, 11, 13, 12, 11] * 2),
        ((1, 2, 3, 4), [14, 13, 12, 11, 14, 14, 13, 14, 13, 12]),
        ((10, 1), [12] + [11] * 10),
        ((2, 2, 2), [13, 12, 11] * 2),
        ((3, 0, 3), [13, 11] * 2),
    ],
)
def test_a_service_filled_one_by_one_has_the_kernels_sequence(
    weights: tuple[int, ...], want: list[int]
) -> None:
    assert sequence(added(*weights), listed(*weights), len(want)) == want


def test_only_weights_of_0_leave_nobody() -> None:
    assert sequence(added(0, 0), listed(0, 0), 2) == [None, None]
    assert sequence(added(), [], 1) == [None]


def test_overloaded_destinations_leave_nobody_and_the_sequence_goes_on_later() -> None:
    scheduler = added(3, 1)
    overloaded = [replace(candidate, load=Load.OVERLOADED) for candidate in listed(3, 1)]
    assert sequence(scheduler, listed(3, 1), 2) == [12, 11]
    assert sequence(scheduler, overloaded, 3) == [None] * 3
    assert Counter(sequence(scheduler, listed(3, 1), 40)) == {11: 30, 12: 10}


def test_an_edit_goes_back_to_the_head_and_keeps_the_level_where_it_may_be() -> None:
    scheduler = added(4, 3, 2)
    assert sequence(scheduler, listed(4, 3, 2), 4) == [13, 12, 11, 11]
    scheduler.change(*level_step((4, 3, 3)))
    assert scheduler == WeightedRoundRobin(step=1, top=4, position=None, level=4)
    scheduler.change(*level_step((2, 2, 2)))
    assert scheduler == WeightedRoundRobin(step=2, top=1, position=None, level=1)


WEIGHTS = st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any)


@given(WEIGHTS)
def test_a_whole_cycle_gives_each_destination_its_weight(weights: list[int]) -> None:
    scheduler = added(*weights)
    divisor = gcd(*weights)
    cycle = sum(weights) // divisor
    sequence(scheduler, listed(*weights), 2 * cycle)
    want = {number: weight // divisor for number, weight in enumerate(weights, start=11) if weight}
    assert Counter(sequence(scheduler, listed(*weights), cycle)) == want
