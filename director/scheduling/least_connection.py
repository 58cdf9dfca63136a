# SPDX-License-Identifier: Apache-2.0
"""lc and wlc: the destination with the least load, for wlc in relation to its weight. Ties keep the first.

An active connection counts as 256 inactive ones. The loads are compared by cross multiplication, so nothing
is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow


def load(candidate: Candidate) -> int:
    """Return the load of a destination, in inactive connections."""
    return 256 * candidate.active + candidate.inactive


@dataclass(frozen=True, slots=True)
class LeastConnection:
    """Choose the least load."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return _least(candidates, lambda _: 1)


@dataclass(frozen=True, slots=True)
class WeightedLeastConnection:
    """Choose the least load for each unit of weight."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return _least(candidates, lambda candidate: candidate.weight)


def _least(candidates: Sequence[Candidate], share: Callable[[Candidate], int]) -> int | None:
    least: int | None = None
    for index, candidate in enumerate(candidates):
        if not candidate.eligible:
            continue
        best = candidates[least] if least is not None else None
        if best is None or load(best) * share(candidate) > load(candidate) * share(best):
            least = index
    return least
