# SPDX-License-Identifier: Apache-2.0
"""What a new configuration means to wrr's cursor: the single edits that lead to it, as kernel IPVS would see
them. ipvsadm changes one destination at a time and each change moves the cursor, so the sequence that follows
depends on the way. A configuration that is applied at once is taken as deletes, then edits, then adds, in its
order.
"""

from __future__ import annotations

from collections.abc import Iterator

from netaddr import IPAddress

from director.model import Destination, Scheduler, VirtualService
from director.scheduling.weighted_round_robin import level_step

_Places = dict[tuple[IPAddress, int], Destination]

Step = tuple[int, int]
"""`lb_service.wrr_gcd` and `wrr_max` after a change."""

BEGIN: Step = level_step(())
"""A change to an empty list puts the cursor of rr and wrr at the beginning."""


def wrr_steps(before: VirtualService | None, after: VirtualService) -> tuple[Step, ...]:
    """Return the changes that the cursor of this service must follow, in order."""
    if after.scheduler is not Scheduler.WRR:
        switched = before is not None and before.scheduler is not after.scheduler
        return (BEGIN,) if switched else ()
    old = _by_place(before) if before is not None else {}
    begin: tuple[Step, ...] = ()
    if before is None:
        begin = (BEGIN,)
    elif before.scheduler is not Scheduler.WRR:
        begin = BEGIN, level_step([destination.weight for destination in old.values()])
    return (*begin, *_edits(old, _by_place(after)))


def _edits(old: _Places, new: _Places) -> Iterator[Step]:
    weights = {place: destination.weight for place, destination in old.items()}
    for place in old:
        if place not in new:
            del weights[place]
            yield level_step(weights.values())
    for place, destination in new.items():
        if place in old and old[place] != destination:
            weights[place] = destination.weight
            yield level_step(weights.values())
    for place, destination in new.items():
        if place not in old:
            weights[place] = destination.weight
            yield level_step(weights.values())
    if tuple(weights) != tuple(new):
        yield level_step(weights.values())


def _by_place(service: VirtualService) -> _Places:
    return {(each.address, service.port_at(each)): each for each in service.destinations}
