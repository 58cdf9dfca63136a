# SPDX-License-Identifier: Apache-2.0
"""How numbers add up."""

from __future__ import annotations

from netaddr import IPAddress

from director.model.counters import Counters, DestinationStats, Rates, ServiceStats
from director.model.service import Destination, ForwardingMethod, Protocol, ServiceKey

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)


def below(last: int, active: int, inactive: int) -> DestinationStats:
    destination = Destination(IPAddress(f"10.0.0.{last}"), 80, ForwardingMethod.DR)
    return DestinationStats(KEY, destination, Counters(), Rates(), active, inactive)


def test_counters_are_added_field_by_field() -> None:
    assert Counters(1, 2, 3, 4, 5) + Counters(10, 20, 30, 40, 50) == Counters(11, 22, 33, 44, 55)


def test_a_service_has_the_connections_of_its_destinations() -> None:
    stats = ServiceStats(KEY, Counters(), Rates(), (below(2, 3, 1), below(3, 4, 0)))
    assert (stats.active, stats.inactive) == (7, 1)
