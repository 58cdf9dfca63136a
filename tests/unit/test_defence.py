# SPDX-License-Identifier: Apache-2.0
"""What is decided each second, by how much memory is free."""

from __future__ import annotations

import pytest

from director.defence import Defence, defence
from director.model import Tunables


@pytest.mark.parametrize(
    ("available", "rate"), [(1024, 0), (5000, 0), (1023, 1024), (512, 2), (1, 1), (0, 1)]
)
def test_the_scarcer_memory_is_the_more_is_dropped(available: int, rate: int) -> None:
    assert defence(Tunables(amemthresh=1024), available) == Defence(rate=rate)


@pytest.mark.parametrize(
    ("level", "available", "drops"),
    [(0, 0, False), (1, 0, True), (1, 2000, False), (2, 0, True), (2, 2000, False), (3, 2000, True)],
)
def test_entries_are_dropped_at_need_or_always(level: int, available: int, drops: bool) -> None:
    assert defence(Tunables(drop_entry=level), available).drops_entries is drops
