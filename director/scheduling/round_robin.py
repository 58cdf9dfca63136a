# SPDX-License-Identifier: Apache-2.0
"""rr: destinations in turn; a weight only matters as 0 or not 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow


@dataclass(slots=True)
class RoundRobin:
    """The position is the id of the last choice, None before the first of the list."""

    position: int | None = None

    def change(self, before: Sequence[Candidate], after: Sequence[Candidate]) -> None:
        """Follow a change of the list: from a deleted destination step back to one that stayed.

        So the turn goes on with the one that followed the deleted one, or with one that came between.
        """
        ids = [candidate.id for candidate in before]
        kept = {candidate.id for candidate in after}
        if self.position is not None and self.position not in kept:
            stayed = (number for number in reversed(ids[: ids.index(self.position)]) if number in kept)
            self.position = next(stayed, None)

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        where = (index for index, candidate in enumerate(candidates) if candidate.id == self.position)
        last = next(where, -1)
        for step in range(1, len(candidates) + 1):
            index = (last + step) % len(candidates)
            if candidates[index].eligible:
                self.position = candidates[index].id
                return index
        return None
