# SPDX-License-Identifier: Apache-2.0
"""sed and nq: the destination that would serve a new connection soonest. Ties keep the first.

What counts is how many active connections it would have for each unit of weight; inactive ones do not. Both
are for TCP: a service whose connections never become active, as UDP's, sends all of them to one destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow
from director.scheduling.least_connection import Cost, least


def delay(candidate: Candidate) -> Cost:
    """Return what a new connection would find, itself included, and what it is divided by."""
    return Cost(candidate.active + 1, candidate.weight)


@dataclass(frozen=True, slots=True)
class ShortestExpectedDelay:
    """Choose the least delay."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return least(candidates, delay)


@dataclass(frozen=True, slots=True)
class NeverQueue:
    """Choose the first that has nothing to do, whatever its weight; if all are busy, the least delay."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        idle = (index for index, each in enumerate(candidates) if each.eligible and each.active == 0)
        return next(idle, least(candidates, delay))
