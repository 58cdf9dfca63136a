# SPDX-License-Identifier: Apache-2.0
"""rr's sequences, as kernel IPVS gives them."""

from __future__ import annotations

from dataclasses import replace

from director.scheduling import Load
from director.scheduling.round_robin import RoundRobin
from tests.unit.scheduling.runs import listed, sequence


def test_the_last_added_comes_first() -> None:
    assert sequence(RoundRobin(), listed(1, 1, 1, 1), 5) == [14, 13, 12, 11, 14]


def test_a_weight_only_matters_as_0_or_not_0() -> None:
    assert sequence(RoundRobin(), listed(5, 1, 0, 1), 6) == [14, 12, 11, 14, 12, 11]


def test_an_overloaded_destination_is_passed_by() -> None:
    candidates = listed(1, 1, 1)
    candidates[1] = replace(candidates[1], load=Load.OVERLOADED)
    assert sequence(RoundRobin(), candidates, 3) == [13, 11, 13]


def test_without_an_eligible_destination_there_is_none_and_the_position_stays() -> None:
    scheduler = RoundRobin()
    assert sequence(scheduler, listed(1, 1, 1), 1) == [13]
    assert sequence(scheduler, listed(0, 0, 0), 2) == [None, None]
    assert sequence(scheduler, [], 1) == [None]
    assert sequence(scheduler, listed(1, 1, 1), 1) == [12]


def test_the_turn_goes_on_after_the_last_one_when_others_came() -> None:
    scheduler = RoundRobin()
    assert sequence(scheduler, listed(1, 1, 1), 2) == [13, 12]
    assert sequence(scheduler, listed(1, 1, 1, 1, 1), 3) == [11, 15, 14]


def test_the_turn_goes_on_with_the_one_that_followed_a_deleted_one() -> None:
    scheduler = RoundRobin()
    candidates = listed(1, 1, 1, 1)
    assert sequence(scheduler, candidates, 2) == [14, 13]
    without = [candidate for candidate in candidates if candidate.id != 13]
    scheduler.change(candidates, without)
    assert sequence(scheduler, without, 3) == [12, 11, 14]


def test_the_turn_goes_on_after_several_that_were_deleted_at_once() -> None:
    scheduler = RoundRobin()
    candidates = listed(1, 1, 1, 1, 1)
    assert sequence(scheduler, candidates, 4) == [15, 14, 13, 12]
    scheduler.change(candidates, [candidates[0], candidates[4]])
    assert scheduler == RoundRobin(position=15)
    assert sequence(scheduler, [candidates[0], candidates[4]], 2) == [11, 15]


def test_the_turn_starts_again_when_all_up_to_the_last_chosen_were_deleted() -> None:
    scheduler = RoundRobin()
    candidates = listed(1, 1, 1)
    assert sequence(scheduler, candidates, 2) == [13, 12]
    scheduler.change(candidates, listed(1))
    assert sequence(scheduler, listed(1), 1) == [11]


def test_the_turn_starts_again_when_the_deleted_one_was_the_end_of_the_list() -> None:
    scheduler = RoundRobin()
    candidates = listed(1, 1, 1)
    assert sequence(scheduler, candidates, 3) == [13, 12, 11]
    scheduler.change(candidates, candidates[:2])
    assert sequence(scheduler, candidates[:2], 1) == [13]
