# SPDX-License-Identifier: Apache-2.0
"""How services and destinations are named and found."""

from __future__ import annotations

import pytest
from netaddr import IPAddress

from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

FOUR = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)
SIX = Destination(IPAddress("2001:db8::2"), 80, ForwardingMethod.TUN)


def test_names_are_written_as_operators_write_them() -> None:
    keys = (
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80),
        ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53),
    )
    assert [str(key) for key in keys] == ["tcp:192.0.2.1:80", "udp:[2001:db8::1]:53"]
    assert (FOUR.endpoint, SIX.endpoint) == ("10.0.0.2:80", "[2001:db8::2]:80")


def test_protocols_have_their_numbers() -> None:
    assert {each: each.number for each in Protocol} == {
        Protocol.TCP: 6,
        Protocol.UDP: 17,
        Protocol.SCTP: 132,
    }


@pytest.mark.parametrize("flag", SchedulerFlag)
def test_a_flag_belongs_to_the_scheduler_it_is_named_after(flag: SchedulerFlag) -> None:
    assert flag.scheduler in {Scheduler.SH, Scheduler.MH}
    assert flag.value.startswith(f"{flag.scheduler.value}-")


def test_a_destination_is_found_by_address_and_port() -> None:
    key = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
    service = VirtualService(key, destinations=(FOUR, SIX))
    asked = ((SIX.address, 80), (FOUR.address, 81))
    assert [service.destination(*each) for each in asked] == [SIX, None]
