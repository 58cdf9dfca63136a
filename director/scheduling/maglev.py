# SPDX-License-Identifier: Apache-2.0
"""mh: Maglev hashing. A client keeps its destination even when others come and go.

Each destination walks the table on its own path, given by hashes of its address and port, and in turn takes
the next free slots on it, in proportion to its weight. A path depends on its destination alone, so that a
removal moves few of the others' clients. The last weight above 0 counts: a destination that was set to 0
keeps its slots, and its clients are refused, or sent on with mh-fallback; one that was added with 0 gets
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from netaddr import IPAddress

from director.model import SchedulerFlag
from director.scheduling.candidate import Candidate, Flow
from director.scheduling.hashing import fold, hsiphash_32

SIZE = 4093
_OFFSET_KEY = 2654435761
_SKIP_KEY = 2654446892
_TURN_BITS = 6
"""Half the bits of a slot number: with more turns a round the heaviest would fill the table by itself."""


@dataclass(frozen=True, slots=True)
class Member:
    """What decides over a destination's slots. The port is the one it is reached at, the weight the last
    above 0.
    """

    address: IPAddress
    port: int
    last_weight: int


def slot(address: IPAddress, port: int, offset: int = 0) -> int:
    """Return the table slot of a client (or the first one of a destination's path)."""
    return hsiphash_32(offset + port + fold(address), _OFFSET_KEY) % SIZE


def populate(members: Sequence[Member]) -> tuple[int | None, ...]:
    """Give each slot the list index of a destination; without a weight above 0 all are None."""
    turns = _turns([member.last_weight for member in members])
    if not any(turns):
        return (None,) * SIZE
    table: list[int | None] = [None] * SIZE
    position = [slot(member.address, member.port) for member in members]
    skip = [hsiphash_32(m.port + fold(m.address), _SKIP_KEY) % (SIZE - 1) + 1 for m in members]
    left = SIZE
    while True:
        for index, count in enumerate(turns):
            for _ in range(count):
                at = position[index]
                while table[at] is not None:
                    at = (at + skip[index]) % SIZE
                table[at] = index
                position[index] = at
                left -= 1
                if left == 0:
                    return tuple(table)


def _turns(weights: Sequence[int]) -> list[int]:
    """Return how many slots each destination takes a round: the weights, reduced and scaled to 6 bits."""
    divisor = gcd(*weights)
    if divisor == 0:
        return [0] * len(weights)
    shift = max(0, (max(weights) // divisor).bit_length() - _TURN_BITS)
    return [(weight // divisor >> shift) or min(weight, 1) for weight in weights]


@dataclass(frozen=True, slots=True)
class Maglev:
    """Choose by the client's slot; with mh-fallback walk on until an eligible destination is met."""

    flags: frozenset[SchedulerFlag] = frozenset()

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        table = populate([Member(c.address, c.port, c.last_weight) for c in candidates])
        port = flow.port if SchedulerFlag.MH_PORT in self.flags else 0
        first = slot(flow.address, port)
        found = (table[number] for number in self._tries(flow.address, port, first))
        return next((index for index in found if index is not None and candidates[index].eligible), None)

    def _tries(self, address: IPAddress, port: int, first: int) -> Iterator[int]:
        yield first
        if SchedulerFlag.MH_FALLBACK in self.flags:
            yield from (slot(address, port, (step + first) % SIZE) for step in range(SIZE))
