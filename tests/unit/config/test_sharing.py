# SPDX-License-Identifier: Apache-2.0
"""What two configurations have in common is found, shared, and costs nothing to compare."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from hypothesis import given
from netaddr import IPAddress

from director.config.diff import diff
from director.config.sharing import only_in, sharing
from director.model import Configuration, Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from tests.unit.config.strategies import CONFIGURATIONS

SERVER = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)


def service(number: int, *servers: Destination) -> VirtualService:
    return VirtualService(ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), number), destinations=servers)


BEFORE = Configuration(tuple(service(number, SERVER) for number in range(1, 6)))


def test_a_configuration_read_anew_shares_all_but_what_changed() -> None:
    changed = service(3, replace(SERVER, weight=7))
    services = list(deepcopy(BEFORE).services)
    services[2] = changed
    after = sharing(BEFORE, Configuration(tuple(services)))
    assert only_in(after, BEFORE) == (changed,)
    assert only_in(BEFORE, after) == (service(3, SERVER),)


def test_order_is_kept_when_services_are_shared() -> None:
    turned = Configuration(tuple(reversed(deepcopy(BEFORE).services)))
    after = sharing(BEFORE, turned)
    assert after == turned
    assert only_in(after, BEFORE) == ()


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_sharing_changes_no_meaning(before: Configuration, after: Configuration) -> None:
    shared = sharing(before, after)
    assert shared == after
    assert diff(before, shared) == diff(before, after)
