# SPDX-License-Identifier: Apache-2.0
"""sed and nq: the sequences, and whom they do not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.scheduling import Chooser, Load
from director.scheduling.shortest_delay import NeverQueue, ShortestExpectedDelay, delay
from tests.unit.scheduling.runs import listed, sequence, with_active, with_inactive


def test_a_delay_counts_the_new_connection_and_no_inactive_ones() -> None:
    (one,) = listed(3)
    assert delay(replace(one, active=2, inactive=1000)) == (3, 3)


def test_sed_prefers_the_heavy_until_they_are_as_slow_as_the_light() -> None:
    got = sequence(ShortestExpectedDelay(), listed(4, 3, 2, 1), 10, with_active)
    assert got == [11, 12, 13, 11, 12, 11, 14, 13, 12, 11]


def test_nq_serves_whoever_is_idle_first_whatever_the_weight() -> None:
    got = sequence(NeverQueue(), listed(4, 3, 2, 1), 8, with_active)
    assert got == [14, 13, 12, 11, 11, 12, 11, 13]


@pytest.mark.parametrize("scheduler", [ShortestExpectedDelay(), NeverQueue()])
def test_connections_that_never_become_active_all_meet_the_same(scheduler: Chooser) -> None:
    assert sequence(scheduler, listed(1, 1, 1, 1), 40, with_inactive) == [14] * 40


@pytest.mark.parametrize("scheduler", [ShortestExpectedDelay(), NeverQueue()])
def test_the_quiesced_and_the_overloaded_are_left_out(scheduler: Chooser) -> None:
    busy = [replace(each, active=9) if each.id == 11 else each for each in listed(1, 0, 5)]
    full = [replace(each, load=Load.OVERLOADED) if each.id == 13 else each for each in busy]
    assert sequence(scheduler, full, 2) == [11, 11]
    assert sequence(scheduler, [each for each in full if each.id != 11], 1) == [None]
    assert sequence(scheduler, [], 1) == [None]
