# SPDX-License-Identifier: Apache-2.0
"""The numbers that operators see, under the names of services and servers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netaddr import IPAddress

from director.daemon.numbers import Numbers
from director.model import Configuration, Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from director.model.counters import Counters, DestinationStats, Rates, ServiceStats, ServiceTotals
from director.tables.ids import ServiceIds

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DNS = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
SERVER = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)
CONFIGURATION = Configuration((VirtualService(WEB, destinations=(SERVER,)), VirtualService(DNS)))
GONE = ServiceKey(Protocol.TCP, IPAddress("192.0.2.9"), 80)


class Ids:
    """Services have ids 1 and 2, the destination 7."""

    configuration = CONFIGURATION
    id_ends = (3, 8)

    def numbered(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None:
        found = {WEB: ServiceIds(1, (7,), (1,)), DNS: ServiceIds(2, (), ())}.get(key)
        service = CONFIGURATION.service(key)
        return (service, found) if service is not None and found is not None else None


@dataclass
class Readings:
    """A data path that has counted its ids, and writes down what it is told."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def tick(self, services: int, destinations: int) -> None:
        self.told.append(("tick", services, destinations))

    def zero(self, services: Iterable[int], destinations: Iterable[int]) -> None:
        self.told.append(("zero", tuple(services), tuple(destinations)))

    def service_counters(self, service: int) -> Counters:
        return Counters(service)

    def service_rates(self, service: int) -> Rates:
        return Rates(service / 2)

    def destination_counters(self, destination: int) -> Counters:
        return Counters(destination)

    def destination_rates(self, destination: int) -> Rates:
        return Rates(destination / 2)

    def destination_connections(self, destination: int) -> tuple[int, int, int]:
        return (destination, 1, 2)


def test_a_services_numbers_are_those_of_its_ids() -> None:
    numbers = Numbers(Ids(), Readings())
    server = DestinationStats(WEB, SERVER, Counters(7), Rates(3.5), active=7, inactive=1, persistent=2)
    assert numbers.stats(WEB) == ServiceStats(WEB, Counters(1), Rates(0.5), (server,))
    assert numbers.stats(DNS) == ServiceStats(DNS, Counters(2), Rates(1.0))


def test_a_services_totals_add_its_servers_connections_up() -> None:
    numbers = Numbers(Ids(), Readings())
    assert numbers.totals(WEB) == ServiceTotals(WEB, Counters(1), Rates(0.5), active=7, inactive=1)
    assert numbers.totals(DNS) == ServiceTotals(DNS, Counters(2), Rates(1.0), active=0, inactive=0)


def test_a_service_that_is_gone_has_no_numbers() -> None:
    numbers = Numbers(Ids(), Readings())
    assert (numbers.stats(GONE), numbers.totals(GONE)) == (None, None)


def test_one_service_is_zeroed_with_its_servers_or_all_are() -> None:
    readings = Readings()
    numbers = Numbers(Ids(), readings)
    numbers.zero(WEB)
    numbers.zero(None)
    assert readings.told == [("zero", (1,), (7,)), ("zero", (1, 2), (7,))]


def test_a_tick_reads_the_ids_that_were_ever_given() -> None:
    readings = Readings()
    Numbers(Ids(), readings).tick()
    assert readings.told == [("tick", 3, 8)]
