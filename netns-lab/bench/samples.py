# SPDX-License-Identifier: Apache-2.0
"""The numbers: samples, what is derived from them, medians, spreads and paired ratios. Pure.

Samples of one round were taken within seconds of each other, and the machine's speed drifts by more than that
which is to be seen. So values are compared within a round, and the median of those ratios is what counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median, quantiles


class Better(Enum):
    """Which values are the better ones."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something measured. `marginal_to` names the contender whose value of the same round is taken off."""

    name: str
    title: str
    unit: str
    better: Better
    digits: int = 0
    marginal_to: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, of one contender in one round."""

    round: int
    contender: str
    quantity: str
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What the samples of a contender say: median, quartiles and extremes. A single sample is all of them."""

    median: float
    low: float
    high: float
    least: float
    most: float
    count: int

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def series(samples: Sequence[Sample], quantity: Quantity, contender: str) -> dict[int, float]:
    """Return a contender's values by round; of a marginal quantity, what is left without the other's."""
    values = _by_round(samples, quantity.name, contender)
    if quantity.marginal_to is None:
        return values
    base = _by_round(samples, quantity.name, quantity.marginal_to)
    if contender == quantity.marginal_to:
        return {}
    return {number: value - base[number] for number, value in values.items() if number in base}


def _by_round(samples: Sequence[Sample], quantity: str, contender: str) -> dict[int, float]:
    return {
        sample.round: sample.value
        for sample in samples
        if sample.quantity == quantity and sample.contender == contender
    }


def summary(values: Sequence[float]) -> Summary | None:
    """Summarize values; None when there are none."""
    if not values:
        return None
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return Summary(median(values), low, high, min(values), max(values), len(values))


def ratio(samples: Sequence[Sample], quantity: Quantity, contender: str, reference: str) -> float | None:
    """Return the median over the rounds of contender / reference; None where no round has both."""
    own, other = (series(samples, quantity, name) for name in (contender, reference))
    ratios = [own[number] / other[number] for number in own if other.get(number, 0) > 0]
    return median(ratios) if ratios else None
