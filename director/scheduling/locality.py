# SPDX-License-Identifier: Apache-2.0
"""lblc and lblcr: an address that clients ask for keeps its destination, or its set of them, while they cope.

For caches: what was fetched for an address is asked for again at the same one. A destination is overloaded
when it has more active connections than its weight says, while another has less than half as many as its own:
then the least loaded by weight is taken and remembered. What nobody asked for in the time of expiration is
forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netaddr import IPAddress

from director.scheduling.candidate import Candidate, Flow
from director.scheduling.least_connection import least, weighted_load

EXPIRATION = 24 * 60 * 60 * 1000


@dataclass(slots=True)
class _Kept:
    """Whom an address meets, by id, the latest first; until when (ms); and when that last changed."""

    ids: tuple[int, ...]
    until: int
    changed: int


@dataclass(slots=True)
class LocalityLeastConnection:
    """Choose the one destination of the address. `expiration` is in ms."""

    expiration: int = EXPIRATION
    _kept: dict[IPAddress, _Kept] = field(default_factory=dict)

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        kept = _alive(self._kept, flow)
        if kept is not None:
            kept.until = flow.now + self.expiration
            index = _position(candidates, kept.ids[0])
            if index is not None and candidates[index].weight > 0 and not _overloaded(index, candidates):
                return index
        index = least(candidates, weighted_load)
        if index is not None:
            self._kept[flow.asked] = _Kept((candidates[index].id,), flow.now + self.expiration, flow.now)
        return index


@dataclass(slots=True)
class LocalityWithReplication:
    """Choose the least loaded of the address's set; when that is overloaded, the set gets one more.

    When the set has not changed for the time of `expiration` (ms), it loses its most loaded member.
    """

    expiration: int = EXPIRATION
    _kept: dict[IPAddress, _Kept] = field(default_factory=dict)

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        kept = _alive(self._kept, flow)
        if kept is not None:
            kept.until = flow.now + self.expiration
            index = self._of_set(kept, candidates, flow.now)
            if index is not None and not _overloaded(index, candidates):
                return index
        index = least(candidates, weighted_load)
        if index is None:
            return None
        chosen = candidates[index].id
        if kept is None:
            self._kept[flow.asked] = _Kept((chosen,), flow.now + self.expiration, flow.now)
        elif chosen not in kept.ids:
            kept.ids, kept.changed = (chosen, *kept.ids), flow.now
        return index

    def _of_set(self, kept: _Kept, candidates: Sequence[Candidate], now: int) -> int | None:
        """Return the least loaded of the set, which may be the one that the set loses now."""
        places = [_position(candidates, each) for each in kept.ids]
        members = [candidates[place] for place in places if place is not None]
        found = least(members, weighted_load)
        if len(kept.ids) > 1 and now - kept.changed > self.expiration:
            _shrink(kept, members, now)
        return None if found is None else _position(candidates, members[found].id)


def _shrink(kept: _Kept, members: Sequence[Candidate], now: int) -> None:
    """Drop the most loaded; ties keep the first, and one of weight 0 is never dropped."""
    most: Candidate | None = None
    for member in members:
        mine = weighted_load(member)
        if mine.share > 0 and (
            most is None or weighted_load(most).load * mine.share < mine.load * most.weight
        ):
            most = member
    if most is not None:
        kept.ids, kept.changed = tuple(each for each in kept.ids if each != most.id), now


def _alive(kept: dict[IPAddress, _Kept], flow: Flow) -> _Kept | None:
    found = kept.get(flow.asked)
    return found if found is not None and found.until > flow.now else None


def _position(candidates: Sequence[Candidate], number: int) -> int | None:
    return next((index for index, candidate in enumerate(candidates) if candidate.id == number), None)


def _overloaded(index: int, candidates: Sequence[Candidate]) -> bool:
    return candidates[index].active > candidates[index].weight and any(
        2 * other.active < other.weight for other in candidates
    )
