# SPDX-License-Identifier: Apache-2.0
"""Which servers a configuration brings that were not there before. The scouting itself: tests/lab/daemon."""

from __future__ import annotations

from netaddr import IPAddress

from director.daemon.scouting import new_addresses
from director.model import Configuration, Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService


def services(*servers: str) -> Configuration:
    destinations = tuple(Destination(IPAddress(server), 80, ForwardingMethod.DR) for server in servers)
    keys = (ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), port) for port in (80, 443))
    return Configuration(tuple(VirtualService(key, destinations=destinations) for key in keys))


def test_an_address_is_new_once_however_many_services_use_it() -> None:
    assert new_addresses(services("10.0.0.1"), services("10.0.0.3", "10.0.0.1", "10.0.0.2")) == (
        IPAddress("10.0.0.3"),
        IPAddress("10.0.0.2"),
    )


def test_nothing_is_new_in_the_same_configuration() -> None:
    assert new_addresses(services("10.0.0.1"), services("10.0.0.1")) == ()
