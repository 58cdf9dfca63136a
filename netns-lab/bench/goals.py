# SPDX-License-Identifier: Apache-2.0
"""The goals that the `packet` data path has, and whether the samples meet them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contenders import BY_NAME, DNAT, FORWARD, HAPROXY
from bench.measures import MEASURES
from bench.samples import Better, Quantity, Sample, ratio

QUANTITIES = {quantity.name: quantity for measure in MEASURES for quantity in measure.quantities}


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the ratio of a contender to a reference."""

    text: str
    quantity: str
    contender: str
    reference: str
    bound: float


def _goals(datapath: str) -> tuple[Goal, ...]:
    every = tuple(f"{datapath}-{method}" for method in ("dr", "tun", "nat"))
    forwarding = tuple((name, BY_NAME[name].forwarding) for name in every)
    return (
        *(
            Goal("bulk TCP up: 0.8 of kernel forwarding", "upload", name, base, 0.8)
            for name, base in forwarding
        ),
        Goal("bulk TCP down: 0.8 of kernel forwarding", "download", f"{datapath}-nat", FORWARD, 0.8),
        *(Goal("64-byte packets: 2 times nftables DNAT's cost", "cost", name, DNAT, 2.0) for name in every),
        *(
            Goal("64-byte packets, many flows: 2 times nftables DNAT's cost", "cost-many", name, DNAT, 2.0)
            for name in every
        ),
        *(Goal("connections/s: above HAProxy's", "connections", name, HAPROXY, 1.0) for name in every),
    )


GOALS = _goals("packet")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A goal and the ratio that was measured."""

    goal: Goal
    ratio: float

    @property
    def is_met(self) -> bool:
        if quantity(self.goal).better is Better.MORE:
            return self.ratio >= self.goal.bound
        return self.ratio <= self.goal.bound


def quantity(goal: Goal) -> Quantity:
    return QUANTITIES[goal.quantity]


def outcomes(samples: Sequence[Sample]) -> tuple[Outcome, ...]:
    """Judge every goal that samples were taken for."""
    judged = []
    for goal in GOALS:
        found = ratio(samples, quantity(goal), goal.contender, goal.reference)
        if found is not None:
            judged.append(Outcome(goal, found))
    return tuple(judged)
