# SPDX-License-Identifier: Apache-2.0
"""wrr: destinations in turn, in proportion to their weights, the turns of each spread over the cycle.

The list is walked lap by lap. A lap has a level: it takes the destinations whose weight reaches it. The level
starts at the highest weight, sinks by the weights' common divisor each lap, and starts anew below 1. Position
and level outlive changes of the list in kernel IPVS's way, which gives a service whose destinations were
added one by one another first cycle than one that is told all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import gcd

from director.scheduling.candidate import Candidate, Flow, Load


def level_step(weights: Collection[int]) -> tuple[int, int]:
    """Return by how much the level sinks a lap, and the level of the first lap (0: no weight above 0).

    The first lap's level is the highest weight less what all levels of one step have in common.
    """
    step = gcd(*weights) or 1
    highest = max(weights, default=0)
    return step, highest - (step - 1) if highest > 0 else 0


@dataclass(slots=True)
class WeightedRoundRobin:
    """The position is the id of the last chosen destination, None before the first of the list."""

    step: int = 1
    top: int = 0
    position: int | None = None
    level: int = 0

    def change(self, step: int, top: int) -> None:
        """Follow one change of the list (an added, edited or deleted destination); see `level_step`."""
        self.step, self.top, self.position = step, top, None
        if self.level > top or self.level == 0:
            self.level = top
        elif step > 1:
            self.level = self.level // step * step + 1

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        """Walk on from the position; give up when each was met on a lap of the lowest level."""
        if self.top == 0:
            return None
        index = self._index(candidates)
        met_at_lowest = 0
        while met_at_lowest < len(candidates):
            index += 1
            if index == len(candidates):
                index = -1
                self._next_lap()
                continue
            met_at_lowest += self.level <= self.step
            if candidates[index].load is Load.ACCEPTING and candidates[index].weight >= self.level:
                self.position = candidates[index].id
                return index
        self.position = candidates[index].id
        return None

    def _next_lap(self) -> None:
        self.level -= self.step
        if self.level <= 0:
            self.level = self.top

    def _index(self, candidates: Sequence[Candidate]) -> int:
        found = (index for index, candidate in enumerate(candidates) if candidate.id == self.position)
        return next(found, -1)
