# SPDX-License-Identifier: Apache-2.0
"""rr: destinations in turn; a weight only matters as 0 or not 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow


@dataclass(slots=True)
class RoundRobin:
    """The last choice by id, and where in the list it stood: if it was deleted, its follower stands there
    now.
    """

    last: int | None = None
    index: int = -1

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        start = self._start(candidates)
        for step in range(len(candidates)):
            index = (start + step) % len(candidates)
            if candidates[index].eligible:
                self.last, self.index = candidates[index].id, index
                return index
        return None

    def _start(self, candidates: Sequence[Candidate]) -> int:
        """Find the one after the last choice; past the end of the list it is the first."""
        if self.last is None:
            return 0
        where = (index for index, candidate in enumerate(candidates) if candidate.id == self.last)
        start = next(where, self.index - 1) + 1
        return start if start < len(candidates) else 0
