# SPDX-License-Identifier: Apache-2.0
"""none: a service without a scheduler. It refuses new connections; those it has go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling.candidate import Candidate, Flow


@dataclass(frozen=True, slots=True)
class NoScheduler:
    """Choose nobody."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:  # noqa: ARG002
        return None
