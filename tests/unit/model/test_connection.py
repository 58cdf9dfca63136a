# SPDX-License-Identifier: Apache-2.0
"""Which entries a question asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import IPAddress, IPNetwork

from director.model.connection import ConnectionEntry, ConnectionQuery, ConnectionState, Endpoint
from director.model.service import ForwardingMethod, Protocol, ServiceKey

ENTRY = ConnectionEntry(
    Protocol.TCP,
    Endpoint(IPAddress("198.51.100.7"), 40000),
    Endpoint(IPAddress("192.0.2.1"), 80),
    Endpoint(IPAddress("10.0.0.2"), 80),
    ForwardingMethod.DR,
    ConnectionState.ESTABLISHED,
    12.0,
    3,
)
ASKED = [
    (ConnectionQuery(), True),
    (ConnectionQuery(service=ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)), True),
    (ConnectionQuery(service=ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 80)), False),
    (ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 80)), True),
    (ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 0)), True),
    (ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 81)), False),
    (ConnectionQuery(client=IPNetwork("198.51.100.0/24")), True),
    (ConnectionQuery(client=IPNetwork("198.51.101.0/24")), False),
    (ConnectionQuery(client=IPNetwork("2001:db8::/32")), False),
    (ConnectionQuery(state=ConnectionState.ESTABLISHED), True),
    (ConnectionQuery(state=ConnectionState.UDP), False),
    (ConnectionQuery(client=IPNetwork("198.51.100.0/24"), state=ConnectionState.UDP), False),
]


@pytest.mark.parametrize(("query", "matches"), ASKED)
def test_an_entry_matches_when_it_passes_every_filter(query: ConnectionQuery, matches: bool) -> None:
    assert query.matches(ENTRY) is matches


@pytest.mark.parametrize("asked", [False, True])
def test_a_template_matches_when_templates_are_asked_for(asked: bool) -> None:
    assert ConnectionQuery(templates=asked).matches(replace(ENTRY, template=True)) is asked
