# SPDX-License-Identifier: Apache-2.0
"""The schedulers, defined: pure Python whose choices the data path's C must equal, one by one."""

from __future__ import annotations

from director.model import Scheduler, SchedulerFlag
from director.scheduling.candidate import Candidate, Chooser, Flow, Load
from director.scheduling.least_connection import LeastConnection, WeightedLeastConnection
from director.scheduling.maglev import Maglev
from director.scheduling.round_robin import RoundRobin
from director.scheduling.source_hash import SourceHash
from director.scheduling.weighted_round_robin import WeightedRoundRobin

__all__ = ["Candidate", "Chooser", "Flow", "Load", "chooser"]


def chooser(scheduler: Scheduler, flags: frozenset[SchedulerFlag] = frozenset()) -> Chooser:
    """Make the live part of a scheduler, at the beginning of its sequence."""
    match scheduler:
        case Scheduler.RR:
            return RoundRobin()
        case Scheduler.WRR:
            return WeightedRoundRobin()
        case Scheduler.LC:
            return LeastConnection()
        case Scheduler.WLC:
            return WeightedLeastConnection()
        case Scheduler.SH:
            return SourceHash(flags)
        case Scheduler.MH:
            return Maglev(flags)
        case _:
            raise LookupError(scheduler)
