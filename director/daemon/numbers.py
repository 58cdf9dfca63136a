# SPDX-License-Identifier: Apache-2.0
"""The numbers of services and destinations: the data path's counters, less what was zeroed, and their rates.

The data path counts by stable id and never backwards, but for an id given out anew. Zeroing is only
remembered here, so that nothing has to be written where workers write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Protocol

from netaddr import IPAddress

from director.model import Configuration, Destination, ServiceKey, VirtualService
from director.model.counters import Counters, DestinationStats, ServiceStats
from director.stats import Estimator

DestinationKey = tuple[ServiceKey, IPAddress, int]
Key = ServiceKey | DestinationKey


class Readings(Protocol):
    """Where a data path shows what it counted, by stable id."""

    def service_counters(self, service: int) -> Counters: ...

    def destination_counters(self, destination: int) -> Counters: ...

    def destination_connections(self, destination: int) -> tuple[int, int]:
        """Return the active and the inactive connections."""
        ...


class Ids(Protocol):
    """Who knows the stable ids."""

    @property
    def configuration(self) -> Configuration: ...

    def service_id(self, key: ServiceKey) -> int | None: ...

    def destination_id(self, key: ServiceKey, address: IPAddress, port: int) -> int | None: ...


class Numbers:
    """What an operator sees counted."""

    def __init__(self, ids: Ids, readings: Readings) -> None:
        self._ids = ids
        self._readings = readings
        self._zeros: dict[Key, Counters] = {}
        self._estimator: Estimator[Key] = Estimator()

    def tick(self) -> None:
        """Take the readings for the rates; due every `stats.TICK_SECONDS`."""
        self._estimator.tick(dict(self._counters(self._ids.configuration.services)))

    def stats(self) -> tuple[ServiceStats, ...]:
        return tuple(self._service(service) for service in self._ids.configuration.services)

    def zero(self, key: ServiceKey | None) -> None:
        """Let the counters of one service and its destinations begin at 0 now, or those of all."""
        services = [one for one in self._ids.configuration.services if key in (None, one.key)]
        for each, counters in dict(self._counters(services)).items():
            self._zeros[each] = self._zeros.get(each, Counters()) + counters
            self._estimator.forget(each)

    def _counters(self, services: Iterable[VirtualService]) -> Iterator[tuple[Key, Counters]]:
        for service in services:
            yield service.key, self._service_counters(service.key)
            for one in service.destinations:
                key = _key(service.key, one)
                yield key, self._destination_counters(key)

    def _service_counters(self, key: ServiceKey) -> Counters:
        number = self._ids.service_id(key)
        read = self._readings.service_counters
        return self._since_zero(key, read(number) if number is not None else Counters())

    def _destination_counters(self, key: DestinationKey) -> Counters:
        number = self._ids.destination_id(*key)
        read = self._readings.destination_counters
        return self._since_zero(key, read(number) if number is not None else Counters())

    def _since_zero(self, key: Key, counters: Counters) -> Counters:
        zero = self._zeros.get(key)
        if zero is None:
            return counters
        if counters.packets_in < zero.packets_in:  # the id was given out anew: the counters began again
            del self._zeros[key]
            return counters
        return _combined(counters, zero, int.__sub__)

    def _service(self, service: VirtualService) -> ServiceStats:
        return ServiceStats(
            service=service.key,
            counters=self._service_counters(service.key),
            rates=self._estimator.rates(service.key),
            destinations=tuple(self._destination(service.key, one) for one in service.destinations),
        )

    def _destination(self, service: ServiceKey, destination: Destination) -> DestinationStats:
        key = _key(service, destination)
        number = self._ids.destination_id(*key)
        active, inactive = self._readings.destination_connections(number) if number is not None else (0, 0)
        return DestinationStats(
            service=service,
            destination=destination,
            counters=self._destination_counters(key),
            rates=self._estimator.rates(key),
            active=active,
            inactive=inactive,
        )


def _key(service: ServiceKey, destination: Destination) -> DestinationKey:
    return (service, destination.address, destination.port)


def _combined(one: Counters, other: Counters, how: Callable[[int, int], int]) -> Counters:
    names = [each.name for each in fields(Counters)]
    values: Mapping[str, int] = {name: how(getattr(one, name), getattr(other, name)) for name in names}
    return Counters(**values)
