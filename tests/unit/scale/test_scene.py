# SPDX-License-Identifier: Apache-2.0
"""The large set-up is a configuration that the director takes, of the size that was asked for."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from director.config.address import parse_destination, parse_service_key
from director.config.load import load
from director.model import Configuration, Protocol
from scale.scene import (
    FULL,
    Named,
    Servers,
    Size,
    configuration,
    edited,
    flooded,
    last,
    shared_servers,
    watched,
)


def size(who: Servers = Servers.SHARED) -> Size:
    return Size(services=20, servers=5, connections=5000, scheduler="mh", who=who)


def addresses(loaded: Configuration) -> set[str]:
    return {str(one.address) for service in loaded.services for one in service.destinations}


@pytest.mark.parametrize("who", Servers)
def test_the_configuration_has_the_services_and_servers_asked_for(who: Servers) -> None:
    loaded = load(configuration(size(who)))
    assert [len(service.destinations) for service in loaded.services] == [5] * 20
    assert loaded.settings.connections == 5000
    assert len(addresses(loaded)) == (5 if who is Servers.SHARED else 100)


def test_shared_servers_are_all_that_there_are() -> None:
    assert {str(one) for one in shared_servers(size())} == addresses(load(configuration(size())))
    assert shared_servers(size(Servers.DISTINCT)) == ()


@pytest.mark.parametrize("named", [watched(size()), edited(size())], ids=["watched", "edited"])
def test_what_is_edited_is_there(named: Named) -> None:
    key = parse_service_key(named.service)
    service = load(configuration(size())).service(key)
    assert service is not None
    where = parse_destination(str(named.server), key)
    assert service.destination(where.address, where.port) is not None


def test_the_last_service_is_the_last() -> None:
    assert last(size()) == str(load(configuration(size())).services[-1].key)


def test_nothing_is_forwarded_to_the_service_that_is_watched() -> None:
    service = load(configuration(size())).services[FULL]
    assert str(service.key) == watched(size()).service
    assert {one.weight for one in service.destinations} == {0}


def test_the_services_that_are_flooded_take_udp() -> None:
    services = load(configuration(size())).services[:FULL]
    assert [IPv4Address(int(one.key.address)) for one in services] == list(flooded())
    assert {one.key.protocol for one in services} == {Protocol.UDP}
