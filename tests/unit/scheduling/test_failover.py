# SPDX-License-Identifier: Apache-2.0
"""fo and ovf: the highest weight, and when it is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.scheduling import Chooser, Load
from director.scheduling.failover import Failover, Overflow
from tests.unit.scheduling.runs import listed, sequence, with_active


def test_fo_gives_everything_to_the_highest_weight() -> None:
    assert sequence(Failover(), listed(1, 5, 3, 2), 20, with_active) == [12] * 20


@pytest.mark.parametrize("scheduler", [Failover(), Overflow()])
def test_of_equal_weights_the_first_in_the_list_has_it(scheduler: Chooser) -> None:
    assert sequence(scheduler, listed(2, 2, 2, 2), 1) == [14]


@pytest.mark.parametrize("scheduler", [Failover(), Overflow()])
def test_the_next_takes_over_from_one_that_is_overloaded_or_quiesced(scheduler: Chooser) -> None:
    candidates = listed(1, 5, 3, 2)
    full = [replace(each, load=Load.OVERLOADED) if each.id == 12 else each for each in candidates]
    assert sequence(scheduler, full, 1) == [13]
    assert sequence(scheduler, listed(1, 0, 0, 2), 1) == [14]
    assert sequence(scheduler, listed(0, 0), 1) == [None]


def test_ovf_fills_one_after_the_other_and_then_refuses() -> None:
    got = sequence(Overflow(), listed(2, 3, 4, 1), 15, with_active)
    assert got == [13] * 5 + [12] * 4 + [11] * 3 + [14] * 2 + [None]


def test_ovf_comes_back_to_the_highest_as_soon_as_it_has_room() -> None:
    candidates = [replace(each, active=each.weight + 1) for each in listed(1, 5)]
    assert sequence(Overflow(), candidates, 1) == [None]
    candidates[0] = replace(candidates[0], active=5)
    assert sequence(Overflow(), candidates, 1) == [12]
