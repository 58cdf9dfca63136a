# SPDX-License-Identifier: Apache-2.0
"""Services gathered under the configuration's own rules."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress

from director.config.limits import MAX_SERVICE_DESTINATIONS, MAX_SERVICES, MAX_TIMEOUT
from director.config.load import load
from director.config.save import save
from director.importing.found import Collection, Left
from director.model.configuration import Configuration
from director.model.service import Destination, ForwardingMethod, Persistence, ServiceKey, VirtualService

SERVER = Destination(IPAddress("10.0.0.2"), 0, ForwardingMethod.NAT)


def test_a_service_comes_without_its_servers_and_only_once() -> None:
    found = Collection()
    service = VirtualService(ServiceKey.of_mark(7), destinations=(SERVER,))
    assert [found.add_service(1, service), found.add_service(2, service)] == [True, False]
    assert found.found().services == (replace(service, destinations=()),)
    assert found.found().left == (Left(2, "service mark:7 is there already"),)


def test_no_more_is_taken_than_a_director_has_room_for() -> None:
    found = Collection()
    for mark in range(1, MAX_SERVICES + 2):
        found.add_service(mark, VirtualService(ServiceKey.of_mark(mark)))
    for port in range(MAX_SERVICE_DESTINATIONS + 1):
        found.add_server(port, ServiceKey.of_mark(1), replace(SERVER, port=port))
    assert [each.line for each in found.left] == [MAX_SERVICES + 1, MAX_SERVICE_DESTINATIONS]


def test_what_a_file_of_ours_could_not_say_is_left() -> None:
    found = Collection()
    held = Persistence(MAX_TIMEOUT + 1)
    found.add_service(1, VirtualService(ServiceKey.of_mark(7), persistence=held))
    found.add_service(2, VirtualService(ServiceKey.of_mark(8)))
    found.add_server(3, ServiceKey.of_mark(8), replace(SERVER, address=IPAddress("224.0.0.1")))
    found.add_server(4, ServiceKey.of_mark(8), SERVER)
    assert [each.line for each in found.found().left] == [1, 3]
    assert load(save(Configuration(found.found().services))).services == found.found().services
