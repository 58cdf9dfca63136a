# SPDX-License-Identifier: Apache-2.0
"""What must hold between the fields of a service and its destinations."""

from __future__ import annotations

import pytest
from hypothesis import given
from netaddr import IPAddress

from director.config.errors import Fault
from director.config.rules import destination_faults, service_faults, size_faults
from director.model.configuration import Configuration
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)
from tests.unit.config.strategies import CONFIGURATIONS

FOUR = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
SIX = ServiceKey(Protocol.TCP, IPAddress("2001:db8::1"), 80)


def at(address: str, port: int = 80, method: ForwardingMethod = ForwardingMethod.NAT) -> Destination:
    return Destination(IPAddress(address), port, method)


@given(CONFIGURATIONS)
def test_a_valid_configuration_breaks_no_rule(configuration: Configuration) -> None:
    faults = [*size_faults(configuration.services)]
    for service in configuration.services:
        faults += service_faults(service)
        faults += [f for each in service.destinations for f in destination_faults(service.key, each)]
    assert faults == []


def test_an_ipv6_service_is_like_any_other() -> None:
    assert [*service_faults(VirtualService(SIX))] == []


def test_a_link_local_server_is_refused_in_one_sentence() -> None:
    assert [*destination_faults(SIX, at("fe80::2"))] == [
        Fault(
            "address",
            "[fe80::2]:80",
            "an address that a route leads to",
            "[fe80::2]:80 is link-local, and on which interface it does not say",
        )
    ]


def test_every_flag_of_another_scheduler_is_named() -> None:
    flags = frozenset({SchedulerFlag.SH_PORT, SchedulerFlag.MH_PORT, SchedulerFlag.SH_FALLBACK})
    found = service_faults(VirtualService(FOUR, Scheduler.MH, flags))
    assert [fault.found for fault in found] == ["sh-fallback", "sh-port"]


@pytest.mark.parametrize(
    ("key", "destination", "faults"),
    [
        (FOUR, at("10.0.0.2", 8080), 0),
        (FOUR, at("10.0.0.2", 80, ForwardingMethod.DR), 0),
        (FOUR, at("10.0.0.2", 8080, ForwardingMethod.DR), 1),
        (FOUR, at("10.0.0.2", 8080, ForwardingMethod.TUN), 1),
        (FOUR, at("192.0.2.1", 8080), 0),
        (FOUR, at("2001:db8::2", 80, ForwardingMethod.TUN), 0),
        (SIX, at("10.0.0.2", 80, ForwardingMethod.TUN), 0),
        (FOUR, at("2001:db8::2", 80, ForwardingMethod.DR), 1),
        (SIX, at("10.0.0.2", 80), 1),
        (SIX, at("2001:db8::2"), 0),
        (SIX, at("10.0.0.2", 81, ForwardingMethod.DR), 2),
    ],
)
def test_a_destination_fits_its_service(key: ServiceKey, destination: Destination, faults: int) -> None:
    assert len([*destination_faults(key, destination)]) == faults
