# SPDX-License-Identifier: Apache-2.0
"""Rates from counters, by kernel IPVS's estimator: each two seconds a quarter of the way to what was seen.

The arithmetic is the kernel's fixed point, 1/1024 of a connection or packet and 1/32 of a byte a second,
rounded down, so that rates equal the kernel's for the same traffic. Pure: who calls `tick` keeps the time.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar

from director.model.counters import Counters, Rates

TICK_SECONDS = 2
WEIGHT_BITS = 2  # a new reading weighs 1/4
FRACTION_BITS: Mapping[str, int] = {
    "connections": 10,
    "packets_in": 10,
    "bytes_in": 5,
    "packets_out": 10,
    "bytes_out": 5,
}

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class SmoothedRate:
    """One counter's rate: the total at the last tick, and the rate in 1/2^`fraction_bits` a second."""

    fraction_bits: int
    total: int = 0
    scaled: int = 0

    def step(self, total: int) -> SmoothedRate:
        """Take the next reading. A counter that went back was cleared: all that it shows is new."""
        growth = total - self.total if total >= self.total else total
        seen = (growth << self.fraction_bits) // TICK_SECONDS
        return SmoothedRate(self.fraction_bits, total, self.scaled + (seen - self.scaled >> WEIGHT_BITS))

    @property
    def per_second(self) -> float:
        return self.scaled / (1 << self.fraction_bits)


def _still() -> dict[str, SmoothedRate]:
    return {name: SmoothedRate(bits) for name, bits in FRACTION_BITS.items()}


@dataclass(frozen=True, slots=True)
class Estimate:
    """The smoothed rates of one service or destination, by the names of its counters."""

    smoothed: Mapping[str, SmoothedRate] = field(default_factory=_still)

    def step(self, counters: Counters) -> Estimate:
        """Take the next reading of all counters."""
        return Estimate({name: each.step(getattr(counters, name)) for name, each in self.smoothed.items()})

    def rest(self) -> Estimate:
        """Keep the totals and let the rates be 0."""
        return Estimate(
            {name: SmoothedRate(each.fraction_bits, each.total) for name, each in self.smoothed.items()}
        )

    @property
    def rates(self) -> Rates:
        return Rates(**{each.name: self.smoothed[each.name].per_second for each in fields(Rates)})


class Estimator(Generic[Key]):
    """The rates of everything that is counted, each by its stable key.

    A key begins at counters of 0. One that is missing from a tick rests, and goes on from its old totals when
    it comes back, as a destination does that was removed and added again.
    """

    def __init__(self) -> None:
        self._estimates: dict[Key, Estimate] = {}

    def tick(self, counters: Mapping[Key, Counters]) -> None:
        """Take the readings that are due every TICK_SECONDS."""
        resting = {key: each.rest() for key, each in self._estimates.items() if key not in counters}
        taken = {key: self._estimates.get(key, Estimate()).step(now) for key, now in counters.items()}
        self._estimates = {**resting, **taken}

    def rates(self, key: Key) -> Rates:
        """Return the rates of a key, all 0 before its first tick."""
        return self._estimates.get(key, Estimate()).rates

    def forget(self, key: Key) -> None:
        """Begin anew with this key: its counters were set to 0."""
        self._estimates.pop(key, None)
