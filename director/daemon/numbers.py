# SPDX-License-Identifier: Apache-2.0
"""The numbers of services and destinations, as the data path counts them by stable id, under their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from director.model import Configuration, Destination, ServiceKey, VirtualService
from director.model.counters import Counters, DestinationStats, Rates, ServiceStats, ServiceTotals
from director.tables.ids import ServiceIds


class Readings(Protocol):
    """Where a data path shows what it counted, by stable id."""

    def tick(self, services: int, destinations: int) -> None:
        """Take the readings for the rates, of the ids below these."""
        ...

    def zero(self, services: Iterable[int], destinations: Iterable[int]) -> None:
        """Let the counters and rates of these ids begin at 0 now."""
        ...

    def service_counters(self, service: int) -> Counters: ...

    def service_rates(self, service: int) -> Rates: ...

    def destination_counters(self, destination: int) -> Counters: ...

    def destination_rates(self, destination: int) -> Rates: ...

    def destination_connections(self, destination: int) -> tuple[int, int, int]:
        """Return the active and the inactive connections, and the persistence templates."""
        ...


class Ids(Protocol):
    """Who knows the stable ids."""

    @property
    def configuration(self) -> Configuration: ...

    @property
    def id_ends(self) -> tuple[int, int]:
        """Return the first ids that no service and no destination ever had."""
        ...

    def numbered(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None: ...


class Numbers:
    """What an operator sees counted."""

    def __init__(self, ids: Ids, readings: Readings) -> None:
        self._ids = ids
        self._readings = readings

    def tick(self) -> None:
        """Take the readings for the rates; due every `stats.TICK_SECONDS`. May run beside the loop."""
        self._readings.tick(*self._ids.id_ends)

    def stats(self, key: ServiceKey) -> ServiceStats | None:
        """Count one service; None where there is none."""
        found = self._ids.numbered(key)
        return self._service(*found) if found is not None else None

    def totals(self, key: ServiceKey) -> ServiceTotals | None:
        """Count one service as a whole; None where there is none."""
        found = self._ids.numbered(key)
        if found is None:
            return None
        _, ids = found
        connections = [self._readings.destination_connections(number) for number in ids.destinations]
        return ServiceTotals(
            service=key,
            counters=self._readings.service_counters(ids.service),
            rates=self._readings.service_rates(ids.service),
            active=sum(active for active, *_ in connections),
            inactive=sum(inactive for _, inactive, _ in connections),
        )

    def zero(self, key: ServiceKey | None) -> None:
        """Let the counters of one service and its destinations begin at 0 now, or those of all."""
        keys = [one.key for one in self._ids.configuration.services if key in (None, one.key)]
        ids = [found[1] for found in map(self._ids.numbered, keys) if found is not None]
        destinations = [number for one in ids for number in one.destinations]
        self._readings.zero([one.service for one in ids], destinations)

    def _service(self, service: VirtualService, ids: ServiceIds) -> ServiceStats:
        return ServiceStats(
            service=service.key,
            counters=self._readings.service_counters(ids.service),
            rates=self._readings.service_rates(ids.service),
            destinations=tuple(
                self._destination(service.key, one, number)
                for one, number in zip(service.destinations, ids.destinations, strict=True)
            ),
        )

    def _destination(self, service: ServiceKey, destination: Destination, number: int) -> DestinationStats:
        active, inactive, persistent = self._readings.destination_connections(number)
        return DestinationStats(
            service=service,
            destination=destination,
            counters=self._readings.destination_counters(number),
            rates=self._readings.destination_rates(number),
            active=active,
            inactive=inactive,
            persistent=persistent,
        )
