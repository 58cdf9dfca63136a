# SPDX-License-Identifier: Apache-2.0
"""twos: how often each is drawn, and which of two is taken.

Chance has a fixed seed, so these tests give the same answer each time. The bound is that of chi-square for a
chance of one in a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from random import Random

import pytest
from netaddr import IPAddress

from director.model import Protocol, Scheduler, ServiceKey, VirtualService
from director.scheduling import Candidate, Flow, Load
from director.scheduling.two_choices import TwoChoices
from tests.unit.scheduling.compiled import Chance, Compiled, destination
from tests.unit.scheduling.runs import listed, sequence

BOUNDS = {1: 23.93, 2: 27.63, 3: 30.66, 4: 33.38}  # by degrees of freedom
DRAWS = 8000
VIP = IPAddress("192.0.2.1")


def drawing(*numbers: int) -> Callable[[], int]:
    """Give these draws, one after the other."""
    halves: Iterator[int] = (half for number in numbers for half in (0, number))
    return lambda: next(halves)


def seeded() -> Callable[[], int]:
    random = Random(1)
    return lambda: random.getrandbits(32)


def shares(weights: list[int]) -> list[float]:
    """How often each is drawn first in list order: from 0 to the sum there is one number more than weight."""
    total = sum(weights) + 1
    return [(weight + (place == 0)) / total for place, weight in enumerate(weights)]


def chi_square(found: Counter[int | None], wanted: dict[int, float]) -> float:
    assert set(found) <= set(wanted)
    return sum((found[each] - DRAWS * share) ** 2 / (DRAWS * share) for each, share in wanted.items())


@pytest.mark.parametrize("chance", [seeded(), Chance()], ids=["python", "data path"])
@pytest.mark.parametrize("weights", [(1, 1), (3, 1, 2), (1, 5, 1, 1), (10, 20, 30, 40, 1)])
def test_each_is_drawn_by_its_weight(weights: tuple[int, ...], chance: Callable[[], int]) -> None:
    candidates = listed(*weights)
    wanted = dict(
        zip((each.id for each in candidates), shares([each.weight for each in candidates]), strict=True)
    )
    found = Counter(sequence(TwoChoices(chance), candidates, DRAWS))
    assert chi_square(found, wanted) < BOUNDS[len(weights) - 1]


def test_the_data_path_draws_each_by_its_weight() -> None:
    weights = {11: 1, 12: 5, 13: 3}
    service = VirtualService(
        ServiceKey(Protocol.UDP, VIP, 80),
        Scheduler.TWOS,
        destinations=tuple(destination(*each) for each in weights.items()),
    )
    compiled = Compiled(sets=1 << 14)
    compiled.configure(service)
    flows = (Flow(IPAddress((10 << 24) + 256 * number + 1), 4000, VIP, 1) for number in range(DRAWS))
    found = Counter(compiled.choose(service.key, flow) for flow in flows)
    # Each choice levels the loads: of two that were drawn the one with less for its weight is taken.
    assert sum(found.values()) == DRAWS
    for server, weight in weights.items():
        assert found[server] == pytest.approx(DRAWS * weight / 9, rel=0.05)


def test_of_two_the_one_with_less_load_for_its_weight_is_taken() -> None:
    light, heavy = listed(1, 4)[::-1]
    candidates = [replace(heavy, active=2), replace(light, active=1)]
    assert [each.id for each in candidates] == [12, 11]
    assert TwoChoices(drawing(5, 1)).choose(candidates, Flow(VIP, 1)) == 0
    assert TwoChoices(drawing(1, 5)).choose(candidates, Flow(VIP, 1)) == 0
    assert TwoChoices(drawing(5, 5)).choose(candidates, Flow(VIP, 1)) == 1


def test_of_equals_the_one_drawn_first_is_taken() -> None:
    assert TwoChoices(drawing(2, 1)).choose(listed(1, 1), Flow(VIP, 1)) == 1
    assert TwoChoices(drawing(1, 2)).choose(listed(1, 1), Flow(VIP, 1)) == 0


def test_the_quiesced_and_the_overloaded_are_never_drawn() -> None:
    candidates: list[Candidate] = listed(1, 0, 3, 2)
    candidates[0] = replace(candidates[0], load=Load.OVERLOADED)
    assert set(sequence(TwoChoices(seeded()), candidates, 100)) == {11, 13}
    assert sequence(TwoChoices(seeded()), [], 1) == [None]
    assert list(repeat(None, 3)) == sequence(TwoChoices(seeded()), listed(0, 0), 3)
