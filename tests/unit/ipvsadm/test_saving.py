# SPDX-License-Identifier: Apache-2.0
"""Saved rules are command lines that make the table again."""

from __future__ import annotations

from netaddr import IPAddress

from director.ipvsadm.commands import AddServer, AddService, Writing
from director.ipvsadm.saving import rules
from director.ipvsadm.wire import ListedServer, ListedService
from director.ipvsadm.writing import Pen
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from tests.unit.ipvsadm.words import NAMES, parsed

PEN = Pen(Writing.NUMERIC, NAMES)
VIP = IPAddress("192.0.2.1")
GUE = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE)
SERVERS = (
    Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR, 3),
    Destination(IPAddress("10.0.0.3"), 80, ForwardingMethod.TUN, 1, tunnel=GUE),
)
SERVICES = (
    VirtualService(ServiceKey(Protocol.TCP, VIP, 80), destinations=SERVERS),
    VirtualService(
        ServiceKey(Protocol.UDP, VIP, 53),
        Scheduler.SH,
        frozenset({SchedulerFlag.SH_PORT}),
        persistence=Persistence(600, IPAddress("255.255.255.0")),
        one_packet=True,
    ),
    VirtualService(ServiceKey.of_mark(7), Scheduler.RR),
    VirtualService(ServiceKey.of_mark(7, 6), persistence=Persistence(60, IPAddress("ffff::"))),
)


def saved() -> list[str]:
    return list(rules((ListedService(s, tuple(map(ListedServer, s.destinations))) for s in SERVICES), PEN))


def test_rules_are_written_as_ipvsadm_writes_them() -> None:
    assert saved() == [
        "-A -t 192.0.2.1:80 -s wlc",
        "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 3",
        "-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
        "-A -u 192.0.2.1:53 -s sh -p 600 -M 255.255.255.0 -o -b sh-port",
        "-A -f 7 -s rr",
        "-A -f 7 -6 -s wlc -p 60 -M 16",
    ]


def test_rules_that_are_read_again_make_the_same_table() -> None:
    commands = [parsed(line) for line in saved()]
    assert [each.service for each in commands if isinstance(each, AddService)] == [
        VirtualService(s.key, s.scheduler, s.flags, (), s.persistence, s.one_packet) for s in SERVICES
    ]
    assert tuple(each.server for each in commands if isinstance(each, AddServer)) == SERVERS
