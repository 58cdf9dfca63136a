# SPDX-License-Identifier: Apache-2.0
"""sh: a client always meets the same destination, by a hash of its address (and port, with sh-port).

256 buckets are filled from the list, each destination taking as many in a row as its weight, over and over;
what does not fit into 256 gets none. A destination of weight 0 still holds a bucket: its clients are refused,
or sent on with sh-fallback.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netaddr import IPAddress

from director.model import SchedulerFlag
from director.scheduling.candidate import Candidate, Flow
from director.scheduling.hashing import fold, hash_32

BUCKETS = 256
_BITS = 8


def bucket(address: IPAddress, port: int, offset: int = 0) -> int:
    """Return the bucket of a client; `offset` is for the further tries of the fallback."""
    return (offset + hash_32(port + fold(address), _BITS)) % BUCKETS


def fill_buckets(weights: Sequence[int]) -> tuple[int | None, ...]:
    """Give each bucket the list index of a destination; without destinations all are None."""
    if not weights:
        return (None,) * BUCKETS
    buckets: list[int] = []
    while len(buckets) < BUCKETS:
        for index, weight in enumerate(weights):
            buckets.extend([index] * min(max(weight, 1), BUCKETS))
            if len(buckets) >= BUCKETS:
                break
    return tuple(buckets[:BUCKETS])


@dataclass(frozen=True, slots=True)
class SourceHash:
    """Choose by the client's bucket; with sh-fallback walk on until an eligible destination is met."""

    flags: frozenset[SchedulerFlag] = frozenset()

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        buckets = fill_buckets([candidate.weight for candidate in candidates])
        port = flow.port if SchedulerFlag.SH_PORT in self.flags else 0
        first = bucket(flow.address, port)
        found = (buckets[number] for number in self._tries(flow.address, port, first))
        return next((index for index in found if index is not None and candidates[index].eligible), None)

    def _tries(self, address: IPAddress, port: int, first: int) -> Iterator[int]:
        yield first
        if SchedulerFlag.SH_FALLBACK in self.flags:
            yield from (bucket(address, port, (step + first) % BUCKETS) for step in range(BUCKETS))
