# SPDX-License-Identifier: Apache-2.0
"""Single edits, and their refusals in kernel IPVS's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork

from director.config import edit
from director.config.address import parse_endpoint, parse_service_key
from director.config.errors import ConfigError, Conflict
from director.model.configuration import Configuration
from director.model.service import (
    Destination,
    ForwardingMethod,
    MarkRule,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    Tunnel,
    TunnelChecksum,
    TunnelType,
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


def to(**changes: object) -> Callable[[Any], Any]:
    return lambda noun: replace(noun, **changes)


RULE = MarkRule(7, IPNetwork("192.0.2.0/24"), Protocol.TCP, 80, 443)
MARKED = replace(BEFORE, marks=(RULE,))

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
        edit.edit_service(BEFORE, WEB, to(scheduler=Scheduler.WRR)),
        with_service(scheduler=Scheduler.WRR, flags=frozenset()),
    ),
    "flags change alone": (
        edit.edit_service(BEFORE, WEB, to(flags=frozenset({SchedulerFlag.SH_FALLBACK}))),
        with_service(flags=frozenset({SchedulerFlag.SH_FALLBACK})),
    ),
    "a service becomes persistent": (
        edit.edit_service(BEFORE, WEB, to(persistence=Persistence(60))),
        with_service(persistence=Persistence(60)),
    ),
    "a mark rule is added last": (
        edit.add_mark(MARKED, replace(RULE, mark=8)),
        replace(BEFORE, marks=(RULE, replace(RULE, mark=8))),
    ),
    "a mark rule is deleted": (edit.delete_mark(MARKED, RULE), BEFORE),
    "a service is deleted": (edit.delete_service(BEFORE, WEB), Configuration()),
    "a destination is added last": (
        edit.add_destination(BEFORE, WEB, NEW),
        with_service(destinations=(FIRST, SECOND, NEW)),
    ),
    "a destination is edited where it stands": (
        edit.edit_destination(BEFORE, WEB, AT_FIRST, to(weight=0)),
        with_service(destinations=(replace(FIRST, weight=0), SECOND)),
    ),
    "a method changes and the weight stays": (
        edit.edit_destination(BEFORE, WEB, AT_FIRST, to(method=ForwardingMethod.TUN)),
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
        lambda: edit.edit_service(BEFORE, DNS, to(scheduler=Scheduler.RR)),
        Conflict.MISSING,
        "no such service: udp:192.0.2.1:53",
    ),
    "a mark rule that is there": (
        lambda: edit.add_mark(MARKED, RULE),
        Conflict.EXISTS,
        "mark rule already exists: 7 192.0.2.0/24 protocol tcp ports 80-443",
    ),
    "a deletion of no mark rule": (
        lambda: edit.delete_mark(BEFORE, RULE),
        Conflict.MISSING,
        "no such mark rule: 7 192.0.2.0/24 protocol tcp ports 80-443",
    ),
    "more mark rules than there is room for": (
        lambda: edit.add_mark(replace(BEFORE, marks=(RULE,) * 1024), replace(RULE, mark=8)),
        Conflict.NONE,
        "mark: 1025 rules are more than 1024",
    ),
    "all ports without persistence": (
        lambda: edit.add_service(BEFORE, VirtualService(parse_service_key("tcp:192.0.2.1:0"))),
        Conflict.NONE,
        "address: port 0 stands for all ports, and only a persistent service can have them",
    ),
    "one packet of TCP": (
        lambda: edit.edit_service(BEFORE, WEB, to(one_packet=True)),
        Conflict.NONE,
        "one_packet: only UDP can be scheduled packet by packet, and this service is tcp",
    ),
    "a mask of the other family": (
        lambda: edit.edit_service(BEFORE, WEB, to(persistence=Persistence(60, IPAddress("ffff::")))),
        Conflict.NONE,
        "persistence_mask: ffff:: is no mask of IPv4 addresses",
    ),
    "a lower limit above the upper": (
        lambda: edit.edit_destination(BEFORE, WEB, AT_FIRST, to(upper=3, lower=4)),
        Conflict.NONE,
        "lower: 4 is above upper, which is 3",
    ),
    "a tunnel without the method": (
        lambda: edit.edit_destination(BEFORE, WEB, AT_FIRST, to(tunnel=Tunnel(TunnelType.GRE))),
        Conflict.NONE,
        "tunnel: a tunnel belongs to the method tun, and this server has dr",
    ),
    "a gue tunnel without a port": (
        lambda: edit.edit_destination(
            BEFORE, WEB, parse_endpoint("10.0.0.3:80"), to(tunnel=Tunnel(TunnelType.GUE))
        ),
        Conflict.NONE,
        "tunnel_port: 0 is not a UDP port: the tunnel is gue",
    ),
    "a gre tunnel with a port": (
        lambda: edit.edit_destination(
            BEFORE, WEB, parse_endpoint("10.0.0.3:80"), to(tunnel=Tunnel(TunnelType.GRE, 6080))
        ),
        Conflict.NONE,
        "tunnel_port: 6080 is not 0: the tunnel is gre",
    ),
    "a checksum that a tunnel has not": (
        lambda: edit.edit_destination(
            BEFORE,
            WEB,
            parse_endpoint("10.0.0.3:80"),
            to(tunnel=Tunnel(checksum=TunnelChecksum.CHECKSUM)),
        ),
        Conflict.NONE,
        "tunnel_checksum: ipip has no checksum checksum; expected none",
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
        lambda: edit.edit_destination(BEFORE, WEB, AT_NEW, to(weight=1)),
        Conflict.MISSING,
        "no such destination: tcp:192.0.2.1:80 -> 10.0.0.4:8080",
    ),
    "a deletion of no destination": (
        lambda: edit.delete_destination(BEFORE, WEB, AT_NEW),
        Conflict.MISSING,
        "no such destination: tcp:192.0.2.1:80 -> 10.0.0.4:8080",
    ),
    "another scheduler's flag": (
        lambda: edit.edit_service(
            BEFORE, WEB, to(scheduler=Scheduler.RR, flags=frozenset({SchedulerFlag.MH_PORT}))
        ),
        Conflict.NONE,
        "flags: mh-port belongs to the scheduler mh, and this service has rr",
    ),
    "mixed families": (
        lambda: edit.add_destination(BEFORE, WEB, replace(FIRST, address=IPAddress("2001:db8::2"))),
        Conflict.NONE,
        "address: [2001:db8::2]:80 is IPv6 and its service IPv4; dr does not mix them, tun does",
    ),
    "a method that does not change ports": (
        lambda: edit.edit_destination(
            edit.add_destination(BEFORE, WEB, NEW), WEB, AT_NEW, to(method=ForwardingMethod.DR)
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
