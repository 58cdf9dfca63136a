# SPDX-License-Identifier: Apache-2.0
"""Single edits, and their refusals in kernel IPVS's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.config import edit
from director.config.address import parse_endpoint, parse_service_key
from director.config.errors import ConfigError, Conflict
from director.model.configuration import Configuration
from director.model.service import (
    Destination,
    ForwardingMethod,
    Scheduler,
    SchedulerFlag,
    VirtualService,
)

WEB = parse_service_key("tcp:192.0.2.1:80")
DNS = parse_service_key("udp:192.0.2.1:53")
FIRST = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR, 1)
SECOND = Destination(IPAddress("10.0.0.3"), 80, ForwardingMethod.TUN, 2)
NEW = Destination(IPAddress("10.0.0.4"), 8080, ForwardingMethod.NAT, 0)
SERVICE = VirtualService(WEB, Scheduler.SH, frozenset({SchedulerFlag.SH_PORT}), (FIRST, SECOND))
BEFORE = Configuration((SERVICE,))
AT_FIRST = parse_endpoint("10.0.0.2:80")
AT_NEW = parse_endpoint("10.0.0.4:8080")


def with_service(**changes: object) -> Configuration:
    return Configuration((replace(SERVICE, **changes),))  # type: ignore[arg-type]


DONE: dict[str, tuple[Configuration, Configuration]] = {
    "a service is added last": (
        edit.add_service(BEFORE, VirtualService(DNS)),
        Configuration((SERVICE, VirtualService(DNS))),
    ),
    "a service is added with its destinations": (
        edit.add_service(Configuration(), SERVICE),
        BEFORE,
    ),
    "a scheduler changes and drops the old one's flags": (
        edit.edit_service(BEFORE, WEB, Scheduler.WRR),
        with_service(scheduler=Scheduler.WRR, flags=frozenset()),
    ),
    "flags change alone": (
        edit.edit_service(BEFORE, WEB, flags=frozenset({SchedulerFlag.SH_FALLBACK})),
        with_service(flags=frozenset({SchedulerFlag.SH_FALLBACK})),
    ),
    "a service is deleted": (edit.delete_service(BEFORE, WEB), Configuration()),
    "a destination is added last": (
        edit.add_destination(BEFORE, WEB, NEW),
        with_service(destinations=(FIRST, SECOND, NEW)),
    ),
    "a destination is edited where it stands": (
        edit.edit_destination(BEFORE, WEB, AT_FIRST, weight=0),
        with_service(destinations=(replace(FIRST, weight=0), SECOND)),
    ),
    "a method changes and the weight stays": (
        edit.edit_destination(BEFORE, WEB, AT_FIRST, ForwardingMethod.TUN),
        with_service(destinations=(replace(FIRST, method=ForwardingMethod.TUN), SECOND)),
    ),
    "a destination is deleted": (
        edit.delete_destination(BEFORE, WEB, AT_FIRST),
        with_service(destinations=(SECOND,)),
    ),
}


@pytest.mark.parametrize(("got", "want"), DONE.values(), ids=DONE.keys())
def test_an_edit_gives_the_whole_edited_configuration(got: Configuration, want: Configuration) -> None:
    assert got == want


REFUSED: dict[str, tuple[Callable[[], Configuration], Conflict, str]] = {
    "a service that is there": (
        lambda: edit.add_service(BEFORE, VirtualService(WEB)),
        Conflict.EXISTS,
        "service already exists: tcp:192.0.2.1:80",
    ),
    "an edit of no service": (
        lambda: edit.edit_service(BEFORE, DNS, Scheduler.RR),
        Conflict.MISSING,
        "no such service: udp:192.0.2.1:53",
    ),
    "a deletion of no service": (
        lambda: edit.delete_service(BEFORE, DNS),
        Conflict.MISSING,
        "no such service: udp:192.0.2.1:53",
    ),
    "a destination of no service": (
        lambda: edit.add_destination(BEFORE, DNS, FIRST),
        Conflict.MISSING,
        "no such service: udp:192.0.2.1:53",
    ),
    "a destination that is there": (
        lambda: edit.add_destination(BEFORE, WEB, replace(FIRST, weight=9)),
        Conflict.EXISTS,
        "destination already exists: tcp:192.0.2.1:80 -> 10.0.0.2:80",
    ),
    "an edit of no destination": (
        lambda: edit.edit_destination(BEFORE, WEB, AT_NEW, weight=1),
        Conflict.MISSING,
        "no such destination: tcp:192.0.2.1:80 -> 10.0.0.4:8080",
    ),
    "a deletion of no destination": (
        lambda: edit.delete_destination(BEFORE, WEB, AT_NEW),
        Conflict.MISSING,
        "no such destination: tcp:192.0.2.1:80 -> 10.0.0.4:8080",
    ),
    "an IPv6 service": (
        lambda: edit.add_service(BEFORE, VirtualService(parse_service_key("tcp:[2001:db8::1]:80"))),
        Conflict.NONE,
        "address: [2001:db8::1]:80: IPv6 services are not forwarded yet",
    ),
    "another scheduler's flag": (
        lambda: edit.edit_service(BEFORE, WEB, Scheduler.RR, frozenset({SchedulerFlag.SH_PORT})),
        Conflict.NONE,
        "flags: sh-port belongs to the scheduler sh, and this service has rr",
    ),
    "mixed families": (
        lambda: edit.add_destination(BEFORE, WEB, replace(FIRST, address=IPAddress("2001:db8::2"))),
        Conflict.NONE,
        "address: [2001:db8::2]:80 is IPv6 and its service IPv4; mixed families are not forwarded yet",
    ),
    "a method that does not change ports": (
        lambda: edit.edit_destination(
            edit.add_destination(BEFORE, WEB, NEW), WEB, AT_NEW, ForwardingMethod.DR
        ),
        Conflict.NONE,
        "address: 10.0.0.4:8080 has port 8080; dr keeps the service's port 80",
    ),
}


@pytest.mark.parametrize(("attempt", "conflict", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_says_what_stands_in_the_way(
    attempt: Callable[[], Configuration], conflict: Conflict, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        attempt()
    assert (caught.value.conflict, str(caught.value)) == (conflict, sentence)
