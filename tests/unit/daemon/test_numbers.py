# SPDX-License-Identifier: Apache-2.0
"""The numbers that operators see: counters since zero, and rates."""

from __future__ import annotations

from dataclasses import dataclass, field

from netaddr import IPAddress

from director.daemon.numbers import Numbers
from director.model import Configuration, Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from director.model.counters import Counters, DestinationStats, Rates, ServiceStats

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DNS = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
SERVER = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)
CONFIGURATION = Configuration((VirtualService(WEB, destinations=(SERVER,)), VirtualService(DNS)))
STILL = Rates()


class Ids:
    """Services have ids 1 and 2, the destination 7; a service that is not there yet has none."""

    configuration = CONFIGURATION

    def service_id(self, key: ServiceKey) -> int | None:
        return {WEB: 1, DNS: 2}.get(key)

    def destination_id(self, key: ServiceKey, address: IPAddress, port: int) -> int | None:
        return 7 if (key, address, port) == (WEB, SERVER.address, SERVER.port) else None


@dataclass
class Readings:
    """A data path that shows what the test lets it count."""

    services: dict[int, Counters] = field(default_factory=dict)
    destinations: dict[int, Counters] = field(default_factory=dict)

    def service_counters(self, service: int) -> Counters:
        return self.services.get(service, Counters())

    def destination_counters(self, destination: int) -> Counters:
        return self.destinations.get(destination, Counters())

    def destination_connections(self, destination: int) -> tuple[int, int]:
        return (destination, 1)


def counted(number: int) -> Counters:
    return Counters(number, 10 * number, 1000 * number, number, number)


def stats(web: Counters, server: Counters, dns: Counters) -> tuple[ServiceStats, ...]:
    of_server = DestinationStats(WEB, SERVER, server, STILL, active=7, inactive=1)
    return (ServiceStats(WEB, web, STILL, (of_server,)), ServiceStats(DNS, dns, STILL))


def test_counters_are_the_data_paths() -> None:
    numbers = Numbers(Ids(), Readings({1: counted(5), 2: counted(2)}, {7: counted(4)}))
    assert numbers.stats() == stats(counted(5), counted(4), counted(2))


def test_zeroing_one_service_lets_it_and_its_servers_begin_again() -> None:
    readings = Readings({1: counted(5), 2: counted(2)}, {7: counted(4)})
    numbers = Numbers(Ids(), readings)
    numbers.zero(WEB)
    assert numbers.stats() == stats(Counters(), Counters(), counted(2))
    readings.services[1], readings.destinations[7] = counted(8), counted(6)
    assert numbers.stats() == stats(counted(3), counted(2), counted(2))


def test_zeroing_twice_counts_from_the_second_time() -> None:
    readings = Readings({1: counted(5)})
    numbers = Numbers(Ids(), readings)
    numbers.zero(None)
    readings.services[1] = counted(6)
    numbers.zero(None)
    readings.services[1] = counted(9)
    assert numbers.stats() == stats(counted(3), Counters(), Counters())


def test_an_id_given_out_anew_forgets_what_was_zeroed() -> None:
    readings = Readings({1: counted(5)})
    numbers = Numbers(Ids(), readings)
    numbers.zero(None)
    readings.services[1] = counted(1)
    assert numbers.stats() == stats(counted(1), Counters(), Counters())


def test_rates_rise_with_each_tick_and_rest_after_zeroing() -> None:
    readings = Readings({1: counted(0)})
    numbers = Numbers(Ids(), readings)
    numbers.tick()
    readings.services[1] = counted(80)
    numbers.tick()
    assert numbers.stats()[0].rates.connections == 10.0  # a quarter of the 40 a second that were seen
    numbers.zero(WEB)
    assert numbers.stats()[0].rates == STILL
