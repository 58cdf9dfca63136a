# SPDX-License-Identifier: Apache-2.0
"""lblc and lblcr: who keeps whom, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.scheduling import Candidate, Chooser, Flow
from director.scheduling.locality import LocalityLeastConnection, LocalityWithReplication
from tests.unit.scheduling.runs import CLIENT, listed, sequence, with_active

HERE, THERE = IPAddress("198.51.100.1"), IPAddress("198.51.100.2")
BOTH: list[Callable[[int], Chooser]] = [LocalityLeastConnection, LocalityWithReplication]
HOUR = 3_600_000


def chosen(
    scheduler: Chooser, candidates: list[Candidate], asked: IPAddress = HERE, now: int = 0
) -> int | None:
    index = scheduler.choose(candidates, Flow(CLIENT.address, CLIENT.port, asked, now))
    return None if index is None else candidates[index].id


def busy(candidates: list[Candidate], **active: int) -> list[Candidate]:
    """Give these servers (s11, s12, ...) so many active connections."""
    return [replace(each, active=active.get(f"s{each.id}", 0)) for each in candidates]


def test_lblc_goes_on_when_another_has_less_than_half_its_weight() -> None:
    got = sequence(LocalityLeastConnection(), listed(2, 2, 2, 2), 15, with_active)
    assert got == [14] * 3 + [13] * 3 + [12] * 3 + [11] * 6


def test_lblcr_spreads_over_its_set_when_all_are_overloaded() -> None:
    got = sequence(LocalityWithReplication(), listed(2, 2, 2, 2), 20, with_active)
    assert got[:13] == [14] * 3 + [13] * 3 + [12] * 3 + [11] * 4
    assert sorted(str(each) for each in got[13:17]) == ["11", "12", "13", "14"]


@pytest.mark.parametrize("make", BOTH)
def test_an_address_keeps_its_server_though_another_has_less_to_do(make: Callable[[int], Chooser]) -> None:
    scheduler = make(HOUR)
    assert chosen(scheduler, listed(4, 4)) == 12
    assert chosen(scheduler, busy(listed(4, 4), s12=4)) == 12
    assert chosen(scheduler, busy(listed(4, 4), s12=4), THERE) == 11


@pytest.mark.parametrize("make", BOTH)
def test_what_nobody_asked_for_is_forgotten_in_time(make: Callable[[int], Chooser]) -> None:
    scheduler = make(HOUR)
    assert chosen(scheduler, listed(4, 4)) == 12
    assert chosen(scheduler, busy(listed(4, 4), s12=4), now=HOUR - 1) == 12
    assert chosen(scheduler, busy(listed(4, 4), s12=4), now=2 * HOUR - 2) == 12
    assert chosen(scheduler, busy(listed(4, 4), s12=4), now=3 * HOUR - 2) == 11


@pytest.mark.parametrize("make", BOTH)
def test_a_quiesced_or_deleted_server_is_left(make: Callable[[int], Chooser]) -> None:
    for after in (listed(4, 0), listed(4)):
        scheduler = make(HOUR)
        assert chosen(scheduler, listed(4, 4)) == 12
        assert chosen(scheduler, after) == 11
        assert chosen(scheduler, []) is None


def test_a_set_loses_its_most_loaded_when_it_has_not_changed_for_long() -> None:
    scheduler = LocalityWithReplication(HOUR)
    full = busy(listed(1, 1), s12=2)
    assert chosen(scheduler, listed(1, 1)) == 12
    assert chosen(scheduler, full) == 11, "the set is of two now"
    half = HOUR // 2 + 1
    assert chosen(scheduler, full, now=half) == 11
    assert chosen(scheduler, full, now=2 * half) == 11, "12 is lost now"
    assert chosen(scheduler, busy(listed(1, 1), s11=1), now=2 * half) == 11


def test_a_server_that_comes_back_is_still_of_the_set() -> None:
    scheduler = LocalityWithReplication(HOUR)
    assert chosen(scheduler, listed(1, 1)) == 12
    assert chosen(scheduler, listed(1)) == 11
    assert chosen(scheduler, busy(listed(1, 1), s11=1)) == 12
