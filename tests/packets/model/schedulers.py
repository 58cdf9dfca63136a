# SPDX-License-Identifier: Apache-2.0
"""The schedulers after kernel IPVS, over a list in which the last added stands first; sh and mh apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from math import gcd

from netaddr import IPAddress

from director.model import ForwardingMethod, Scheduler
from tests.packets.case import Counts


@dataclass(slots=True)
class Real:
    """A destination as the model keeps it; it outlives its removal from the configuration."""

    address: str
    port: int
    method: ForwardingMethod
    weight: int
    present: bool = True
    active: int = 0
    inactive: int = 0
    persistent: int = 0
    upper: int = 0
    lower: int = 0
    overloaded: bool = False
    path: tuple[int, int] = (0, 0)  # TUN: the path's MTU as routers told it, and until when that holds
    counts: Counts = field(default_factory=Counts)

    @property
    def overhead(self) -> int:
        return 256 * self.active + self.inactive

    @property
    def eligible(self) -> bool:
        return self.weight > 0 and not self.overloaded

    def limit(self, upper: int, lower: int) -> None:
        """Take thresholds; higher ones, or none, let it have connections again."""
        if upper == 0 or upper > self.upper:
            self.overloaded = False
        self.upper, self.lower = upper, lower

    def gained(self) -> None:
        """See whether the connection that it just got was one too many."""
        if self.upper and self.active + self.inactive >= self.upper:
            self.overloaded = True

    def lost(self) -> None:
        load = self.active + self.inactive
        if load < self.lower if self.lower else load * 4 < self.upper * 3 or not self.upper:
            self.overloaded = False


@dataclass(slots=True)
class Schedule:
    """The list of a service, and where its scheduler stands: `position` was used last, -1 is the head."""

    scheduler: Scheduler
    reals: list[Real] = field(default_factory=list)
    position: int = -1
    current: int = 0
    step: int = 1
    highest: int = 0

    def add(self, real: Real) -> None:
        self.reals.insert(0, real)
        if self.position >= 0:
            self.position += 1
        self.changed()

    def remove(self, real: Real) -> None:
        index = self.reals.index(real)
        del self.reals[index]
        if self.position >= index:
            self.position -= 1
        self.changed()

    def changed(self) -> None:
        """Take in new weights; only wrr keeps something of them."""
        if self.scheduler is not Scheduler.WRR:
            return
        weights = [real.weight for real in self.reals]
        self.position = -1
        self.step = reduce(gcd, weights, 0) or 1
        self.highest = max(weights, default=0) - (self.step - 1)
        if self.current > self.highest or self.current == 0:
            self.current = self.highest
        elif self.step > 1:
            self.current = self.current // self.step * self.step + 1

    def choose(self, asked: str) -> Real | None:
        """Return the destination of the next connection, whose client asked for this address."""
        if not any(real.eligible for real in self.reals):
            return None
        ways: dict[Scheduler, Callable[[], Real | None]] = {
            Scheduler.RR: self._round_robin,
            Scheduler.WRR: self._weighted_round_robin,
            Scheduler.LC: self._least_connections,
            Scheduler.WLC: self._weighted_least_connections,
            Scheduler.SED: self._shortest_delay,
            Scheduler.NQ: self._never_queue,
            Scheduler.FO: self._highest_weight,
            Scheduler.OVF: self._overflow,
            Scheduler.DH: lambda: self._hashed(asked),
            Scheduler.NONE: self._nobody,
        }
        return ways[self.scheduler]()

    def _round_robin(self) -> Real:
        while True:
            self.position = (self.position + 1) % len(self.reals)
            if self.reals[self.position].eligible:
                return self.reals[self.position]

    def _weighted_round_robin(self) -> Real:
        while True:
            self.position += 1
            if self.position == len(self.reals):
                self.position = 0
                self.current -= self.step
                if self.current <= 0:
                    self.current = self.highest
            real = self.reals[self.position]
            if real.eligible and real.weight >= max(self.current, 1):
                return self.reals[self.position]

    def _least_connections(self) -> Real:
        return min((real for real in self.reals if real.eligible), key=lambda real: real.overhead)

    def _weighted_least_connections(self) -> Real:
        best, *rest = [real for real in self.reals if real.eligible]
        for real in rest:
            if best.overhead * real.weight > real.overhead * best.weight:
                best = real
        return best

    def _nobody(self) -> Real | None:
        return None

    def _usable(self) -> list[Real]:
        return [real for real in self.reals if real.eligible]

    def _shortest_delay(self) -> Real:
        return min(self._usable(), key=lambda real: Fraction(real.active + 1, real.weight))

    def _never_queue(self) -> Real:
        idle = [real for real in self._usable() if real.active == 0]
        return idle[0] if idle else self._shortest_delay()

    def _highest_weight(self) -> Real:
        return max(self._usable(), key=lambda real: real.weight)

    def _overflow(self) -> Real | None:
        fitting = [real for real in self._usable() if real.active <= real.weight]
        return max(fitting, key=lambda real: real.weight, default=None)

    def _hashed(self, asked: str) -> Real | None:
        upper_byte = int(IPAddress(asked)) * 0x61C88647 % 2**32 >> 24
        real = self.reals[upper_byte % len(self.reals)]
        return real if real.eligible else None
