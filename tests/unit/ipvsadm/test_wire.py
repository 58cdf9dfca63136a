# SPDX-License-Identifier: Apache-2.0
"""JSON and nouns: this room's light reading agrees with the models that define the API."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from netaddr import IPAddress

from director.config.document import DestinationDocument, ServiceDocument
from director.config.load import destination_from, service_from
from director.control.answers import ServiceStatsAnswer
from director.ipvsadm import wire
from director.model.counters import Counters, DestinationStats, Rates, ServiceStats
from director.model.service import Destination, ForwardingMethod, Persistence, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole
from tests.unit.config.strategies import services


@given(services())
def test_services_are_read_and_written_as_the_api_does(service: VirtualService) -> None:
    assert wire.service_of(ServiceDocument.of(service).model_dump()) == service
    bare = replace(service, destinations=(), timeouts=())
    assert service_from(wire.service_values(service)) == bare
    for destination in service.destinations:
        assert wire.destination_of(DestinationDocument.of(destination).model_dump()) == destination
        assert destination_from(wire.destination_values(destination)) == destination


def test_an_ipv6_mask_is_a_prefix_length() -> None:
    service = VirtualService(ServiceKey.of_mark(3, 6), persistence=Persistence(60, IPAddress("ffff:ffff::")))
    assert wire.service_of(ServiceDocument.of(service).model_dump()) == service


def test_a_service_without_numbers_has_zeros() -> None:
    service = VirtualService(ServiceKey.of_mark(3))
    (listed,) = wire.listed_of([ServiceDocument.of(service).model_dump()], [])
    assert listed == wire.ListedService(service)


def test_a_server_has_its_numbers_and_the_clients_that_it_keeps() -> None:
    server = Destination(IPAddress("2001:db8::2"), 80, ForwardingMethod.DR)
    service = VirtualService(ServiceKey.of_mark(7, 6), destinations=(server,))
    stats = ServiceStats(
        service.key,
        Counters(6),
        Rates(),
        (DestinationStats(service.key, server, Counters(5), Rates(0.5), active=1, inactive=2, persistent=3),),
    )
    answered = json.loads(ServiceStatsAnswer.of(stats).model_dump_json())
    listed = wire.listed_of([ServiceDocument.of(service).model_dump()], [answered])
    assert listed == (
        wire.ListedService(
            service, (wire.ListedServer(server, 1, 2, 3, Counters(5), Rates(0.5)),), Counters(6), Rates()
        ),
    )


def test_a_daemon_sends_what_a_kernel_would_keep() -> None:
    daemon = SyncDaemon(SyncRole.MASTER, "eth1", maxlen=1)
    assert wire.daemon_values(daemon)["maxlen"] == 1024
    assert wire.daemon_of({"role": "master", **wire.daemon_values(daemon)}) == replace(daemon, maxlen=1024)
