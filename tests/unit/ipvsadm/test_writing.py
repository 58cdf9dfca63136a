# SPDX-License-Identifier: Apache-2.0
"""Endpoints, marks, masks and flags as they are written."""

from __future__ import annotations

from netaddr import IPAddress

from director.ipvsadm.commands import Writing
from director.ipvsadm.writing import Pen, flags_of, mark_number, mask_of, transport_of
from director.model.service import (
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)
from tests.unit.ipvsadm.words import NAMES

NUMERIC, NAMED = Pen(Writing.NUMERIC, NAMES), Pen(Writing.NAMED, NAMES)


def test_an_endpoint_is_written_by_number_or_by_name() -> None:
    www, six = IPAddress("192.0.2.80"), IPAddress("2001:db8::80")
    assert NUMERIC.endpoint(www, 80, Protocol.TCP) == "192.0.2.80:80"
    assert NAMED.endpoint(www, 80, Protocol.TCP) == "www:http"
    assert NAMED.endpoint(www, 80, Protocol.UDP) == "www:80"
    assert NAMED.endpoint(www, 80, None) == "www:80"
    assert NAMED.endpoint(six, 53, Protocol.UDP) == "[six]:domain"
    assert NUMERIC.endpoint(six, 53, Protocol.UDP) == "[2001:db8::80]:53"
    assert NAMED.endpoint(IPAddress("10.0.0.9"), 0, Protocol.TCP) == "10.0.0.9:0"


def test_a_mark_is_written_with_a_sign() -> None:
    assert [mark_number(each) for each in (1, 2**31 - 1, 2**31, 2**32 - 1)] == [1, 2**31 - 1, -(2**31), -1]
    assert NAMED.key(ServiceKey.of_mark(7, 6)) == "7 IPv6"
    assert transport_of(ServiceKey.of_mark(7)) is None


def test_a_mask_is_written_unless_it_is_whole() -> None:
    def written(mask: str | None, version: int = 4) -> str:
        held = Persistence(60, None if mask is None else IPAddress(mask))
        return mask_of(VirtualService(ServiceKey.of_mark(1, version), persistence=held))

    assert [written(each) for each in (None, "255.255.255.255", "0.0.0.0", "255.255.0.0")] == [
        "",
        "",
        "0.0.0.0",
        "255.255.0.0",
    ]
    assert written("ffff:ffff::", 6) == "32"
    assert mask_of(VirtualService(ServiceKey.of_mark(1))) == ""


def test_flags_are_written_in_the_order_of_their_bits() -> None:
    flags = frozenset({SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK})
    assert flags_of(VirtualService(ServiceKey.of_mark(1), Scheduler.MH, flags)) == "mh-fallback,mh-port"
