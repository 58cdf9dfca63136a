# SPDX-License-Identifier: Apache-2.0
"""lc's and wlc's sequences, as kernel IPVS gives them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.scheduling import Candidate, Chooser, Load
from director.scheduling.least_connection import LeastConnection, WeightedLeastConnection
from tests.unit.scheduling.runs import listed, sequence, with_active, with_inactive

BOTH = pytest.mark.parametrize("scheduler", [LeastConnection(), WeightedLeastConnection()])


@BOTH
def test_equal_load_cycles_from_the_last_added(scheduler: Chooser) -> None:
    assert sequence(scheduler, listed(1, 1, 1, 1), 8, with_inactive) == [14, 13, 12, 11] * 2


def test_lc_does_not_look_at_weights_above_0() -> None:
    assert sequence(LeastConnection(), listed(9, 1, 0), 4, with_active) == [12, 11, 12, 11]


@pytest.mark.parametrize("connect", [with_active, with_inactive])
def test_wlc_has_the_kernels_sequence(connect: type) -> None:
    want = [14, 13, 12, 11, 11, 12, 13, 11, 12, 11] * 2
    assert sequence(WeightedLeastConnection(), listed(4, 3, 2, 1), 20, connect) == want


@BOTH
def test_an_active_connection_weighs_256_inactive_ones(scheduler: Chooser) -> None:
    busy, idle = Candidate(1, 1, active=1), Candidate(2, 1, inactive=255)
    assert sequence(scheduler, [busy, idle], 3, with_inactive) == [2, 1, 2]


@BOTH
def test_nobody_eligible_is_nobody(scheduler: Chooser) -> None:
    overloaded = [replace(candidate, load=Load.OVERLOADED) for candidate in listed(1, 1)]
    for candidates in ([], listed(0, 0), overloaded):
        assert sequence(scheduler, candidates, 1) == [None]


def test_wlc_is_exact_with_the_largest_numbers() -> None:
    most = 2**31 - 1
    candidates = [
        Candidate(1, most, active=2**32 - 1, inactive=2**32 - 1),
        Candidate(2, most - 1, active=2**32 - 1, inactive=2**32 - 1),
    ]
    assert sequence(WeightedLeastConnection(), candidates, 1) == [1]
    assert sequence(WeightedLeastConnection(), candidates[::-1], 1) == [1]
