# SPDX-License-Identifier: Apache-2.0
"""The look-up tables of the hashing schedulers, as the image holds them: destination ids, 0 for none.

A table costs far more to build than to compare, so all that decides over it is a value of its own (in list
order): equal values mean equal tables, and the compiler keeps the one it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

from director.model import Scheduler, VirtualService
from director.scheduling import destination_hash, maglev, source_hash, stateless
from director.tables.ids import ServiceIds
from director.tables.layout import LOOKUP_SIZES
from director.tables.records import whole_lines


@dataclass(frozen=True, slots=True)
class SourceHashInput:
    """What decides over the buckets of an sh service."""

    ids: tuple[int, ...]
    weights: tuple[int, ...]

    def table(self) -> tuple[int, ...]:
        return _ids_of(self.ids, source_hash.fill_buckets(self.weights))


@dataclass(frozen=True, slots=True)
class DestinationHashInput:
    """What decides over the buckets of a dh service."""

    ids: tuple[int, ...]

    def table(self) -> tuple[int, ...]:
        return _ids_of(self.ids, destination_hash.fill_buckets(len(self.ids)))


@dataclass(frozen=True, slots=True)
class MaglevInput:
    """What decides over the table of an mh service."""

    ids: tuple[int, ...]
    members: tuple[maglev.Member, ...]

    def table(self) -> tuple[int, ...]:
        return _ids_of(self.ids, maglev.populate(self.members))


@dataclass(frozen=True, slots=True)
class StatelessInput:
    """What decides over the table by which a service chooses while connections are crowded out."""

    ids: tuple[int, ...]
    members: tuple[stateless.Member, ...]

    def table(self) -> tuple[int, ...]:
        return _ids_of(self.ids, stateless.populate(self.members))


@dataclass(frozen=True, slots=True)
class NoTable:
    """A service that always chooses alike, or never, needs no table."""

    def table(self) -> tuple[int, ...]:
        return ()


LookupInput = SourceHashInput | DestinationHashInput | MaglevInput | StatelessInput | NoTable

STEADY = (Scheduler.FO, Scheduler.NONE)
"""Schedulers without a table whose choice does not depend on what is remembered of a client."""


def lookup_input(service: VirtualService, ids: ServiceIds) -> LookupInput:
    """Collect what decides over a service's table: the scheduler's own, or the stateless choice's."""
    listed = tuple(zip(service.destinations, ids.destinations, ids.last_weights, strict=True))[::-1]
    numbers = tuple(number for _, number, _ in listed)
    if service.scheduler is Scheduler.SH:
        return SourceHashInput(numbers, tuple(destination.weight for destination, _, _ in listed))
    if service.scheduler is Scheduler.DH:
        return DestinationHashInput(numbers)
    if service.scheduler in STEADY:
        return NoTable()
    if service.scheduler is Scheduler.MH:
        members = (maglev.Member(d.address, service.port_at(d), last) for d, _, last in listed)
        return MaglevInput(numbers, tuple(members))
    choices = (stateless.Member(d.address, service.port_at(d), d.weight) for d, _, _ in listed)
    return StatelessInput(numbers, tuple(choices))


def lookup_lines(given: LookupInput) -> bytes:
    """Build the table and write it as whole lines."""
    table = given.table()
    return whole_lines(pack(f"<{len(table)}I", *table))


def lookup_size(service: VirtualService) -> int:
    """Return how many entries the scheduler's own table has."""
    return LOOKUP_SIZES.get(service.scheduler, 0)


def stateless_size(service: VirtualService) -> int:
    """Return how many entries the stateless choice's table has.

    None is needed where the scheduler itself gives a client the same destination without remembering it.
    """
    if service.scheduler in LOOKUP_SIZES or service.scheduler in STEADY:
        return 0
    return stateless.size(len(service.destinations))


def _ids_of(ids: Sequence[int], places: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(0 if place is None else ids[place] for place in places)
