# SPDX-License-Identifier: Apache-2.0
"""fo and ovf: the destination with the highest weight, as long as it can be used. Ties keep the first.

fo takes another only when the highest is gone, quiesced or at its connection limit; ovf also when it has more
active connections than its weight says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow


@dataclass(frozen=True, slots=True)
class Failover:
    """Choose the highest weight."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return _highest(candidates, [each.eligible for each in candidates])


@dataclass(frozen=True, slots=True)
class Overflow:
    """Choose the highest weight among those with no more active connections than their weight.

    So each takes one connection more than its weight says, and when all have them, nobody takes any.
    """

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return _highest(candidates, [each.eligible and each.active <= each.weight for each in candidates])


def _highest(candidates: Sequence[Candidate], usable: Sequence[bool]) -> int | None:
    indices = (index for index, ready in enumerate(usable) if ready)
    return max(indices, key=lambda index: candidates[index].weight, default=None)
