# SPDX-License-Identifier: Apache-2.0
"""Stable ids: the small dense numbers by which connections and counters know services and destinations.

An id outlives its destination for as long as connection entries refer to it: a destination that is added
again meanwhile gets its old id back, and its flows go on (kernel IPVS calls this its trash). Only when
nothing refers to it any more is an id given to another. Here is no knowledge of the image, the clock or the
connection table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from netaddr import IPAddress

from director.model import Destination, ForwardingMethod, ServiceKey, VirtualService
from director.tables.held import HeldDestination, HeldService
from director.tables.layout import MAX_DESTS, MAX_SERVICES

CENSUSES_BEFORE_REUSE = 2
"""A census may be under way while an id is retired; only the second one surely began after that."""


@dataclass(frozen=True, slots=True)
class ServiceIds:
    """A service's ids, and its destinations' in the order of the configuration.

    A last weight is the last one above 0; a destination that was added with weight 0 has 0.
    """

    service: int
    destinations: tuple[int, ...]
    last_weights: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The ids of a service, and which of them are new: their state must be cleared before use."""

    ids: ServiceIds
    new_services: tuple[int, ...]
    new_destinations: tuple[int, ...]


@dataclass(slots=True)
class _Holding:
    id: int
    last_weight: int = 0
    present: bool = True
    unseen: int = 0


@dataclass(slots=True)
class _ServiceHolding(_Holding):
    destinations: dict[tuple[IPAddress, int], _Holding] = field(default_factory=dict)


class IdsExhaustedError(Exception):
    """More ids were asked for than the image has room for."""


class _Pool:
    """The unused ids below a limit, the smallest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._next = 1
        self._free: list[int] = []

    @property
    def room(self) -> int:
        return self._limit - self._next + len(self._free)

    def take(self) -> int:
        if self._free:
            return heappop(self._free)
        if self._next >= self._limit:
            raise IdsExhaustedError(f"all {self._limit - 1} ids are in use")
        self._next += 1
        return self._next - 1

    @property
    def end(self) -> int:
        """Return the first id that nobody ever had."""
        return self._next

    def give_back(self, number: int) -> None:
        heappush(self._free, number)

    def take_all(self, numbers: frozenset[int]) -> None:
        """Take just these, of a pool from which nothing was taken yet."""
        self._next = max(numbers, default=0) + 1
        self._free = [number for number in range(1, self._next) if number not in numbers]


class IdRegistry:
    """Who has which id, present or gone but still referred to."""

    def __init__(self) -> None:
        self._services: dict[ServiceKey, _ServiceHolding] = {}
        self._service_pool = _Pool(MAX_SERVICES)
        self._destination_pool = _Pool(MAX_DESTS)
        self._retired: dict[ServiceKey, None] = {}
        self._holders: dict[int, tuple[ServiceKey, Destination]] = {}
        self._present: dict[ServiceKey, tuple[VirtualService, ServiceIds]] = {}
        self.retirements = 0
        """How many destinations were ever retired."""

    @property
    def ends(self) -> tuple[int, int]:
        """Return the first ids that no service and no destination ever had."""
        return self._service_pool.end, self._destination_pool.end

    def of(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None:
        """Look up a present service, and the ids that belong to it as it is now."""
        return self._present.get(key)

    def holder(self, number: int) -> tuple[ServiceKey, Destination] | None:
        """Look up whose a destination id is, or was last while connections may still refer to it."""
        return self._holders.get(number)

    def gone(self) -> tuple[int, ...]:
        """Return the ids of the destinations that are gone, and may still be referred to."""
        holdings = (one for key in self._retired for one in self._services[key].destinations.values())
        return tuple(one.id for one in holdings if not one.present)

    def service(self, key: ServiceKey) -> int | None:
        """Look up the id of a present service."""
        holding = self._services.get(key)
        return holding.id if holding is not None and holding.present else None

    def destination(self, key: ServiceKey, address: IPAddress, port: int) -> int | None:
        """Look up the id of a present destination, by the port it is reached at."""
        service = self._services.get(key)
        holding = service.destinations.get((address, port)) if service is not None else None
        return holding.id if holding is not None and holding.present else None

    @property
    def keys(self) -> tuple[ServiceKey, ...]:
        """Return the services that hold ids, present or gone."""
        return tuple(self._services)

    def held(self, key: ServiceKey) -> tuple[int, tuple[HeldDestination, ...]] | None:
        """Return the id of a service, present or gone, and those of its destinations; None without any."""
        held = self._services.get(key)
        if held is None:
            return None
        return held.id, tuple(
            HeldDestination(one.id, self._holders[one.id][1], one.last_weight, one.present)
            for one in held.destinations.values()
        )

    def restore(self, services: Iterable[HeldService]) -> None:
        """Begin with ids that were given out before, in another process. Nothing must be held yet."""
        for one in services:
            if one.id is None:
                continue
            places = {_place(one.key, each.destination): each for each in one.destinations}
            self._services[one.key] = _ServiceHolding(
                one.id,
                present=one.service is not None,
                destinations={
                    place: _Holding(each.id, each.last_weight, each.present) for place, each in places.items()
                },
            )
            self._holders.update((each.id, (one.key, each.destination)) for each in one.destinations)
            if one.service is None or not all(each.present for each in one.destinations):
                self._retired[one.key] = None
        self._service_pool.take_all(frozenset(held.id for held in self._services.values()))
        self._destination_pool.take_all(frozenset(self._holders))

    def lacks_room_for(self, services: Iterable[VirtualService]) -> str | None:
        """Say in words why these services can not all get their ids, or None."""
        new_services = new_destinations = 0
        for service in services:
            held = self._services.get(service.key)
            new_services += held is None
            known = held.destinations if held is not None else {}
            new_destinations += sum(_key(service, d) not in known for d in service.destinations)
        if new_services > self._service_pool.room:
            return f"{new_services} new services, but room for {self._service_pool.room}"
        if new_destinations > self._destination_pool.room:
            return f"{new_destinations} new destinations, but room for {self._destination_pool.room}"
        return None

    def assign(self, service: VirtualService) -> Assignment:
        """Give a service and its destinations their ids, and retire those of destinations it has no more."""
        held = self._services.get(service.key)
        anew = held is None or not held.present
        if held is None:
            held = self._services[service.key] = _ServiceHolding(self._service_pool.take())
        held.present, held.unseen = True, 0
        held_anew = (self._hold(held, service, d) for d in service.destinations)
        new = tuple(number for number in held_anew if number is not None)
        wanted = [_key(service, d) for d in service.destinations]
        self._retire_all_but(service.key, held, wanted)
        holdings = [held.destinations[key] for key in wanted]
        ids = ServiceIds(held.id, tuple(h.id for h in holdings), tuple(h.last_weight for h in holdings))
        self._present[service.key] = service, ids
        return Assignment(ids, (held.id,) if anew else (), new)

    def release(self, key: ServiceKey) -> None:
        """Retire a service and all its destinations."""
        held = self._services[key]
        held.present, held.unseen = False, 0
        self._retired[key] = None
        del self._present[key]
        self._retire_all_but(key, held, ())

    def census(self, referred: frozenset[int]) -> tuple[ServiceKey, ...]:
        """Learn which destination ids the connection table refers to; free those that it twice did not.

        Return the services of which ids were freed.
        """
        changed: dict[ServiceKey, None] = {}
        for key in tuple(self._retired):
            held = self._services[key]
            for place, holding in tuple(held.destinations.items()):
                if not holding.present and self._is_forgotten(holding, referred):
                    self._destination_pool.give_back(holding.id)
                    del held.destinations[place], self._holders[holding.id]
                    changed[key] = None
            if all(h.present for h in held.destinations.values()):
                self._settle(key, held)
            if key not in self._services:
                changed[key] = None
        return tuple(changed)

    def _settle(self, key: ServiceKey, held: _ServiceHolding) -> None:
        if held.present:
            del self._retired[key]
        elif self._is_forgotten(held, frozenset()):
            self._service_pool.give_back(held.id)
            del self._services[key], self._retired[key]

    @staticmethod
    def _is_forgotten(holding: _Holding, referred: frozenset[int]) -> bool:
        holding.unseen = 0 if holding.id in referred else holding.unseen + 1
        return holding.unseen >= CENSUSES_BEFORE_REUSE

    def _hold(self, held: _ServiceHolding, service: VirtualService, destination: Destination) -> int | None:
        """Note a destination's weight; return its id if it is a new one."""
        key = _key(service, destination)
        known = held.destinations.get(key)
        if known is not None:
            if destination.weight > 0 or not known.present:
                known.last_weight = destination.weight
            known.present, known.unseen = True, 0
            self._holders[known.id] = service.key, destination
            return None
        new = held.destinations[key] = _Holding(self._destination_pool.take(), destination.weight)
        self._holders[new.id] = service.key, destination
        return new.id

    def _retire_all_but(
        self, key: ServiceKey, held: _ServiceHolding, wanted: Iterable[tuple[IPAddress, int]]
    ) -> None:
        kept = frozenset(wanted)
        for place, holding in held.destinations.items():
            if holding.present and place not in kept:
                holding.present, holding.unseen = False, 0
                self._retired[key] = None
                self.retirements += 1


def _key(service: VirtualService, destination: Destination) -> tuple[IPAddress, int]:
    return destination.address, service.port_at(destination)


def _place(key: ServiceKey, destination: Destination) -> tuple[IPAddress, int]:
    """The same, of a destination whose service may be gone."""
    translated = destination.method is ForwardingMethod.NAT
    return destination.address, destination.port if translated else key.port
