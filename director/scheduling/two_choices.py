# SPDX-License-Identifier: Apache-2.0
"""twos: two destinations are drawn by weight, and the one with less load for its weight is taken.

A draw is a number from 0 to the sum of the weights, both included: it means the first eligible destination
up to which the weights add up to it. So the first of the list is drawn a little more often than by weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import getrandbits

from director.scheduling.candidate import Candidate, Flow
from director.scheduling.least_connection import load

Chance = Callable[[], int]
"""Gives 32 random bits."""


def random_bits() -> int:
    return getrandbits(32)


@dataclass(frozen=True, slots=True)
class TwoChoices:
    """Draw twice, and compare; of equals the first that was drawn is taken."""

    chance: Chance = random_bits

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        eligible = [index for index, candidate in enumerate(candidates) if candidate.eligible]
        if not eligible:
            return None
        weights = [candidates[index].weight for index in eligible]
        draws = [self._up_to(sum(weights)) for _ in range(2)]
        first, second = (eligible[_place(weights, draw)] for draw in draws)
        one, two = candidates[first], candidates[second]
        return second if two.weight * load(one) > one.weight * load(two) else first

    def _up_to(self, most: int) -> int:
        high = self.chance()
        return (high << 32 | self.chance()) % (most + 1)


def _place(weights: Sequence[int], draw: int) -> int:
    passed = 0
    for place, weight in enumerate(weights):
        passed += weight
        if draw <= passed:
            return place
    raise AssertionError(draw)
