# SPDX-License-Identifier: Apache-2.0
"""A translated server lingers until two censuses in a row found no connection of its."""

from __future__ import annotations

from netaddr import IPAddress

from director.model import Protocol, ServiceKey
from director.tables.lingering import LingeringServers

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DNS = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
ONE, TWO = (IPAddress("10.0.0.11"), 8080), (IPAddress("10.0.0.12"), 8080)


def left() -> LingeringServers:
    servers = LingeringServers()
    servers.leave(WEB, ONE, 1)
    servers.leave(WEB, TWO, 2)
    return servers


def test_a_server_lingers_for_the_service_that_lost_it() -> None:
    servers = left()
    assert (servers.of(WEB), servers.of(DNS)) == ({ONE, TWO}, frozenset())


def test_a_server_lingers_while_connections_refer_to_it() -> None:
    servers = left()
    changes = [servers.census(frozenset({1})) for _ in range(4)]
    assert changes == [frozenset(), {WEB}, frozenset(), frozenset()]
    assert servers.of(WEB) == {ONE}


def test_a_census_that_finds_it_again_begins_the_count_anew() -> None:
    servers = left()
    for found in (set[int](), {1, 2}, set[int]()):
        assert servers.census(frozenset(found)) == frozenset()
    assert servers.of(WEB) == {ONE, TWO}
    assert servers.census(frozenset()) == {WEB}
    assert servers.of(WEB) == frozenset()


def test_a_deleted_services_servers_linger_no_more() -> None:
    servers = left()
    servers.forget(WEB)
    servers.forget(DNS)
    assert servers.of(WEB) == frozenset()
    assert [servers.census(frozenset()) for _ in range(2)] == [frozenset(), frozenset()]
