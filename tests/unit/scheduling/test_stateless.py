# SPDX-License-Identifier: Apache-2.0
"""The stateless choice's table: everyone's share by weight, and few move when one comes or goes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.scheduling.stateless import SIZES, Member, populate, size

NETWORK = int(IPAddress("10.0.0.0"))


def members(*weights: int) -> tuple[Member, ...]:
    return tuple(Member(IPAddress(NETWORK + n), 80, weight) for n, weight in enumerate(weights))


@pytest.mark.parametrize(("count", "slots"), [(0, 0), (1, 61), (12, 61), (13, 251), (100, 509), (1024, 4093)])
def test_a_table_has_room_for_five_slots_each_up_to_the_largest(count: int, slots: int) -> None:
    assert size(count) == slots


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=40))
def test_each_gets_its_share_of_the_slots_to_the_nearest_one(weights: list[int]) -> None:
    table = populate(members(*weights))
    slots, total = size(len(weights)), sum(weights)
    count = Counter(table)
    if total == 0:
        assert count == Counter({None: slots})
        return
    assert count[None] == 0
    assert all(abs(count[index] - slots * weight / total) < 1 for index, weight in enumerate(weights))


def test_one_of_weight_0_gets_none() -> None:
    assert set(populate(members(1, 0, 1))) == {0, 2}


def test_a_removal_moves_few_of_the_others_clients() -> None:
    before, after = populate(members(*(1,) * 20)), populate(members(*(1,) * 19, 0))
    moved = sum(old not in (19, new) for old, new in zip(before, after, strict=True))
    assert moved < len(before) / 10


def test_every_step_leads_through_the_whole_table() -> None:
    assert all(prime % divisor for prime in SIZES for divisor in range(2, 64) if divisor < prime)
