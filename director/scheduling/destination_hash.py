# SPDX-License-Identifier: Apache-2.0
"""dh: the same destination for each address that clients ask for; who the client is does not matter.

256 buckets are filled from the list, one for each destination in turn, whatever the weights. A destination of
weight 0 or at its limit still holds its buckets: who asks for their addresses is refused. A service with one
address has one bucket, so this is for services of a firewall mark that stand for many addresses, as before
caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from director.scheduling import source_hash
from director.scheduling.candidate import Candidate, Flow
from director.scheduling.source_hash import BUCKETS


def fill_buckets(members: int) -> tuple[int | None, ...]:
    """Give each bucket the list index of a destination; without destinations all are None."""
    return tuple(bucket % members if members else None for bucket in range(BUCKETS))


@dataclass(frozen=True, slots=True)
class DestinationHash:
    """Choose by the bucket of the address that the client asked for."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        index = fill_buckets(len(candidates))[source_hash.bucket(flow.asked, 0)]
        return index if index is not None and candidates[index].eligible else None
