# SPDX-License-Identifier: Apache-2.0
"""The schedulers, defined: pure Python whose choices the data path's C must equal, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from director.model import Scheduler, SchedulerFlag, Tunables
from director.scheduling.candidate import Candidate, Chooser, Flow, Load
from director.scheduling.destination_hash import DestinationHash
from director.scheduling.failover import Failover, Overflow
from director.scheduling.least_connection import LeastConnection, WeightedLeastConnection
from director.scheduling.locality import LocalityLeastConnection, LocalityWithReplication
from director.scheduling.maglev import Maglev
from director.scheduling.no_scheduler import NoScheduler
from director.scheduling.round_robin import RoundRobin
from director.scheduling.shortest_delay import NeverQueue, ShortestExpectedDelay
from director.scheduling.source_hash import SourceHash
from director.scheduling.two_choices import Chance, TwoChoices, random_bits
from director.scheduling.weighted_round_robin import WeightedRoundRobin

__all__ = ["DEFAULTS", "Candidate", "Chooser", "Flow", "Load", "chooser"]

DEFAULTS = Tunables()

_PLAIN: Mapping[Scheduler, Callable[[], Chooser]] = MappingProxyType(
    {
        Scheduler.RR: RoundRobin,
        Scheduler.WRR: WeightedRoundRobin,
        Scheduler.LC: LeastConnection,
        Scheduler.WLC: WeightedLeastConnection,
        Scheduler.SED: ShortestExpectedDelay,
        Scheduler.NQ: NeverQueue,
        Scheduler.FO: Failover,
        Scheduler.OVF: Overflow,
        Scheduler.DH: DestinationHash,
        Scheduler.NONE: NoScheduler,
    }
)
_FLAGGED: Mapping[Scheduler, Callable[[frozenset[SchedulerFlag]], Chooser]] = MappingProxyType(
    {Scheduler.SH: SourceHash, Scheduler.MH: Maglev}
)
_LOCAL: Mapping[Scheduler, Callable[[Tunables], Chooser]] = MappingProxyType(
    {
        Scheduler.LBLC: lambda tunables: LocalityLeastConnection(1000 * tunables.lblc_expiration),
        Scheduler.LBLCR: lambda tunables: LocalityWithReplication(1000 * tunables.lblcr_expiration),
    }
)


def chooser(
    scheduler: Scheduler,
    flags: frozenset[SchedulerFlag] = frozenset(),
    tunables: Tunables = DEFAULTS,
    chance: Chance = random_bits,
) -> Chooser:
    """Make the live part of a scheduler, at the beginning of its sequence."""
    if scheduler in _FLAGGED:
        return _FLAGGED[scheduler](flags)
    if scheduler in _LOCAL:
        return _LOCAL[scheduler](tunables)
    return TwoChoices(chance) if scheduler is Scheduler.TWOS else _PLAIN[scheduler]()
