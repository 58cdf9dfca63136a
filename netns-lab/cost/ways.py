# SPDX-License-Identifier: Apache-2.0
"""The ways of a packet that are measured, and the goals for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median
from types import MappingProxyType

from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod

FEWEST_NEW = 10_000  # of fewer new connections the first costs are too many


class Happening(Enum):
    """What a packet is to the connection table."""

    HIT = "hit"
    NEW = "new"
    REPLY = "reply"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Name the reasons that are counted for it.

        Of a million new ones, one may find no place near its own: then those after it are chosen without a
        memory for a while.
        """
        return ("new", "new_stateless") if self is Happening.NEW else (self.value,)


@dataclass(frozen=True, slots=True)
class Way:
    """A packet's way through a program."""

    kind: ProgramKind
    method: ForwardingMethod
    happening: Happening

    @property
    def name(self) -> str:
        return f"{self.kind.value}/{self.method.value}/{self.happening.value}"

    def suits(self, flows: int) -> bool:
        return self.happening is not Happening.NEW or flows >= FEWEST_NEW

    def entries(self, flows: int) -> int:
        """Return how many places in the connection table so many flows take."""
        return 2 * flows if self.method is ForwardingMethod.NAT else flows


def _ways() -> Iterator[Way]:
    for kind in ProgramKind:
        for method in ForwardingMethod:
            for happening in Happening:
                if happening is not Happening.REPLY or method is ForwardingMethod.NAT:
                    yield Way(kind, method, happening)


WAYS = tuple(_ways())


def chosen(patterns: Sequence[str]) -> tuple[Way, ...]:
    """Return the ways that match KIND/METHOD/HAPPENING, where a part may be left out; all for no pattern."""
    return tuple(way for way in WAYS if not patterns or any(_matches(way, one) for one in patterns))


def _matches(way: Way, pattern: str) -> bool:
    parts, wanted = way.name.split("/"), pattern.split("/")
    return len(wanted) <= len(parts) and all(
        want in ("", part) for want, part in zip(wanted, parts, strict=False)
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """Nanoseconds that a packet cost on a way, in one round."""

    round: int
    way: Way
    flows: int
    cost: float


def costs(samples: Sequence[Sample], way: Way, flows: int) -> tuple[float, ...]:
    return tuple(one.cost for one in samples if one.way == way and one.flows == flows)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A goal for the program of one kind, and what was measured: the median over the rounds."""

    kind: ProgramKind
    goal: str
    bound: int
    measured: float

    @property
    def is_met(self) -> bool:
        return self.measured <= self.bound


HIT_BOUNDS: Mapping[int, int] = MappingProxyType({10_000: 75, 100_000: 180})
"""Nanoseconds for a hit with DR, by flows."""
MORE_BOUNDS: Mapping[ForwardingMethod, int] = MappingProxyType(
    {ForwardingMethod.TUN: 25, ForwardingMethod.NAT: 40}
)
"""Nanoseconds that a hit may cost more than with DR."""
NEW_BOUND = 250


def outcomes(samples: Sequence[Sample]) -> tuple[Outcome, ...]:
    """Judge every goal that there are samples for."""
    return tuple(one for kind in ProgramKind for one in _judged(samples, kind))


def _judged(samples: Sequence[Sample], kind: ProgramKind) -> Iterator[Outcome]:
    direct = Way(kind, ForwardingMethod.DR, Happening.HIT)
    new = Way(kind, ForwardingMethod.DR, Happening.NEW)
    for flows, bound in HIT_BOUNDS.items():
        base = costs(samples, direct, flows)
        if base:
            yield Outcome(kind, f"dr, a hit, {flows:,} flows", bound, median(base))
        for method, more in MORE_BOUNDS.items():
            found = costs(samples, Way(kind, method, Happening.HIT), flows)
            if base and found:
                words = f"{method.value}, a hit, more than dr, {flows:,} flows"
                yield Outcome(kind, words, more, median(found) - median(base))
        opened = costs(samples, new, flows)
        if opened:
            yield Outcome(kind, f"dr, a new connection, {flows:,} flows", NEW_BOUND, median(opened))
