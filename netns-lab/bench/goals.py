# SPDX-License-Identifier: Apache-2.0
"""The goals that the data paths have, and whether the samples meet them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contenders import BARE_XDP, BY_NAME, DIRECT, DNAT, FORWARD, HAPROXY, METHODS, NGINX_STREAM
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


def _names(datapath: str) -> tuple[str, ...]:
    return tuple(f"{datapath}-{method}" for method in METHODS)


def _against(reference: str, text: str, quantity: str, bound: float, datapath: str) -> tuple[Goal, ...]:
    """Every method against the same reference."""
    return tuple(Goal(text, quantity, name, reference, bound) for name in _names(datapath))


def _against_forwarding(text: str, quantity: str, bound: float, datapath: str) -> tuple[Goal, ...]:
    """Every method against the kernel's forwarding of the same shape."""
    names = _names(datapath)
    return tuple(Goal(text, quantity, name, BY_NAME[name].forwarding, bound) for name in names)


def _bulk(bound: float, datapath: str) -> tuple[Goal, ...]:
    down = f"bulk TCP down: {bound:g} of kernel forwarding"
    return (
        *_against_forwarding(f"bulk TCP up: {bound:g} of kernel forwarding", "upload", bound, datapath),
        Goal(down, "download", f"{datapath}-nat", FORWARD, bound),
    )


COST, MANY = (
    "64-byte packets: 2 times nftables DNAT's cost",
    "64-byte packets, many flows: 2 times nftables DNAT's cost",
)
CORE, REQUESTS = "64-byte packets, one core:", "HTTP requests/s:"
GOALS = (
    *_bulk(0.8, "packet"),
    *_against(DNAT, COST, "cost", 2.0, "packet"),
    *_against(DNAT, MANY, "cost-many", 2.0, "packet"),
    *_against(HAPROXY, "connections/s: above HAProxy's", "connections", 1.0, "packet"),
    *_bulk(0.95, "tc"),
    *_against_forwarding(f"{CORE} kernel forwarding's", "one-core", 1.0, "tc"),
    *_against(DNAT, f"{CORE} 1.7 times nftables DNAT's", "one-core", 1.7, "tc"),
    *_against(DIRECT, f"{REQUESTS} 0.8 of no director's", "keepalive", 0.8, "tc"),
    *_against(DNAT, f"{REQUESTS} above nftables DNAT's", "keepalive", 1.0, "tc"),
    *_against(NGINX_STREAM, f"{REQUESTS} 1.6 times nginx stream's", "keepalive", 1.6, "tc"),
    *_against(HAPROXY, f"{REQUESTS} 1.6 times HAProxy's", "keepalive", 1.6, "tc"),
    *_against(BARE_XDP, f"{CORE} 0.7 of bare XDP_TX's", "one-core", 0.7, "xdp"),
    *_against_forwarding(f"{CORE} 2 times kernel forwarding's", "one-core", 2.0, "xdp"),
    *_against(DNAT, f"{CORE} 3 times nftables DNAT's", "one-core", 3.0, "xdp"),
)


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
