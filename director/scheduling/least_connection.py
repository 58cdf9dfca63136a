# SPDX-License-Identifier: Apache-2.0
"""lc and wlc: the destination with the least load, for wlc in relation to its weight. Ties keep the first.

An active connection counts as 256 inactive ones. The loads are compared by cross multiplication, so nothing
is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from director.scheduling.candidate import Candidate, Flow


class Cost(NamedTuple):
    """What a destination has to carry, and the share that this is divided by."""

    load: int
    share: int


def load(candidate: Candidate) -> int:
    """Return the load of a destination, in inactive connections."""
    return 256 * candidate.active + candidate.inactive


def weighted_load(candidate: Candidate) -> Cost:
    """Return the load for each unit of weight."""
    return Cost(load(candidate), candidate.weight)


def least(candidates: Sequence[Candidate], cost: Callable[[Candidate], Cost]) -> int | None:
    """Return the index of the eligible candidate with the least cost; ties keep the first."""
    found: int | None = None
    best = Cost(0, 1)
    for index, candidate in enumerate(candidates):
        if not candidate.eligible:
            continue
        mine = cost(candidate)
        if found is None or best.load * mine.share > mine.load * best.share:
            found, best = index, mine
    return found


@dataclass(frozen=True, slots=True)
class LeastConnection:
    """Choose the least load."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return least(candidates, lambda candidate: Cost(load(candidate), 1))


@dataclass(frozen=True, slots=True)
class WeightedLeastConnection:
    """Choose the least load for each unit of weight."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return least(candidates, weighted_load)
