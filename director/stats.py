# SPDX-License-Identifier: Apache-2.0
"""Rates from counters, by kernel IPVS's estimator: each two seconds a quarter of the way to what was seen.

The arithmetic is the kernel's fixed point, 1/1024 of a connection or packet and 1/32 of a byte a second,
rounded down, so that rates equal the kernel's for the same traffic. What a rate *is* stands here; a hundred
thousand of them are stepped in C (datapath/native/rates.c), and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TICK_SECONDS = 2
WEIGHT_BITS = 2  # a new reading weighs 1/4
FRACTION_BITS: Mapping[str, int] = {
    "connections": 10,
    "packets_in": 10,
    "bytes_in": 5,
    "packets_out": 10,
    "bytes_out": 5,
}
PER_SECOND = tuple(1 << bits for bits in FRACTION_BITS.values())
"""What 1 a second is in fixed point, in the order of the counters."""


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
