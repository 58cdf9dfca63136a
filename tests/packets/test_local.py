# SPDX-License-Identifier: Apache-2.0
"""What lblc and lblcr remember of an address, on every host: no connection, not in the way, gone in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from director.datapath._native import lib
from netaddr import IPAddress
from scapy.layers.l2 import Ether

from director.datapath.programs import ProgramKind
from director.model import Scheduler, Tunables
from tests.needs import needs
from tests.packets.case import Answer, Arrival, Packet
from tests.packets.ebpf_host import EbpfHost
from tests.packets.frames import tcp
from tests.packets.network import OUTSIDE, SERVER_MACS, SERVERS, Setting, destination, service, setting
from tests.packets.table_host import TableHost
from tests.packets.user_host import UserHost

SETS = 4  # an entry can stand in all of them
PLACES = 8 * SETS - 1  # place 0 is nobody's
EXPIRATION = 100  # s
HOSTS = [
    pytest.param(partial(UserHost, SETS), id="user"),
    pytest.param(partial(EbpfHost, ProgramKind.XDP, SETS), id="xdp", marks=needs("root", "bpf", "netns")),
    pytest.param(partial(EbpfHost, ProgramKind.TC, SETS), id="tc", marks=needs("root", "bpf", "netns")),
]
BOTH = (Scheduler.LBLC, Scheduler.LBLCR)
REMEMBERED = {Scheduler.LBLC: 1, Scheduler.LBLCR: 2}  # entries for one address with one server
BY_MAC = {SERVER_MACS[server]: int(server.rsplit(".", 1)[1]) for server in SERVERS}
Make = Callable[[], TableHost]

pytestmark = pytest.mark.parametrize("make", HOSTS)


def local(scheduler: Scheduler, *weights: int) -> Setting:
    servers = (destination(server, weight=weight) for server, weight in zip(SERVERS, weights, strict=False))
    tunables = Tunables(lblc_expiration=EXPIRATION, lblcr_expiration=EXPIRATION)
    return setting(service(*servers, scheduler=scheduler), tunables=tunables)


def send(host: TableHost, packet: Packet, now: int = 1000) -> Answer:
    return host.handle(Arrival(OUTSIDE, bytes(packet)), now)


def client(number: int) -> str:
    return str(IPAddress(int(IPAddress("100.64.0.0")) + number))


def connect(host: TableHost, number: int, now: int = 1000) -> int:
    """Let a client connect; return the last number of its server's address."""
    (departure,) = send(host, tcp("S", client=client(number)), now).frames
    send(host, tcp("A", client=client(number)), now)
    return BY_MAC[Ether(departure.frame).dst]


def remembered(host: TableHost) -> int:
    return int(lib.lb_conns_places(host._datapath, lib.LB_CONN_CACHE))


@pytest.mark.parametrize("scheduler", BOTH)
def test_it_is_no_connection(make: Make, scheduler: Scheduler) -> None:
    host = make()
    host.apply(local(scheduler, 9, 9))
    assert [connect(host, number) for number in range(5)] == [12] * 5
    assert remembered(host) == REMEMBERED[scheduler]
    assert len(host.connections(1000)) == 5
    assert host.service_counts("tcp:192.0.2.1:80").connections == 5


@pytest.mark.parametrize("scheduler", BOTH)
def test_it_is_swept_when_nobody_asked_in_time(make: Make, scheduler: Scheduler) -> None:
    host = make()
    host.apply(local(scheduler, 9, 9))
    connect(host, 0, now=1000)
    connect(host, 1, now=51_000)
    host.sweep(1000 + 1000 * EXPIRATION)
    assert remembered(host) == REMEMBERED[scheduler]
    host.sweep(51_000 + 1000 * EXPIRATION)
    assert remembered(host) == 0


@pytest.mark.parametrize("scheduler", BOTH)
def test_it_gives_way_to_connections_before_any_of_them_does(make: Make, scheduler: Scheduler) -> None:
    host = make()
    host.apply(local(scheduler, 2**20, 2**20))
    reasons = set()
    for number in range(PLACES):
        reasons.add(send(host, tcp("S", client=client(number))).reason)
        send(host, tcp("A", client=client(number)))
    assert reasons == {"new"}
    assert remembered(host) == 0


@pytest.mark.parametrize("scheduler", BOTH)
def test_another_scheduler_between_makes_it_forget(make: Make, scheduler: Scheduler) -> None:
    host = make()
    host.apply(local(scheduler, 9, 9))
    assert connect(host, 0) == 12
    host.apply(local(Scheduler.WLC, 9, 9))
    host.apply(local(scheduler, 9, 9))
    assert connect(host, 1) == 11


def test_a_set_grows_while_it_is_overloaded_and_shrinks_when_it_was_let_be(make: Make) -> None:
    host = make()
    host.apply(local(Scheduler.LBLCR, 1, 1, 1))
    assert [connect(host, number) for number in range(5)] == [13, 13, 12, 12, 11]
    assert remembered(host) == 4
    host.apply(local(Scheduler.LBLCR, 9, 9, 9))
    half = 500 * EXPIRATION + 1
    for number in (1, 2):
        connect(host, 10 + number, now=1000 + number * half)
    assert remembered(host) == 3


@pytest.mark.parametrize("scheduler", [Scheduler.FO, Scheduler.DH, Scheduler.NONE])
def test_who_chooses_alike_for_all_does_so_in_a_crowd(make: Make, scheduler: Scheduler) -> None:
    host = make()
    before = local(scheduler, 1, 5, 1)
    host.apply(before)
    answers = {(answer.reason, *macs(answer)) for answer in (send(host, tcp("S", client=client(0))),)}
    flood = replace(before, configuration=local(Scheduler.RR, 1, 5, 1).configuration)
    host.apply(flood)
    reasons = {send(host, tcp("S", client=client(number))).reason for number in range(1, 5 * PLACES)}
    assert "new_stateless" in reasons
    host.apply(before)
    crowd = [send(host, tcp("S", client=client(number))) for number in range(1000, 1010)]
    stateless = {"new": "new_stateless"}
    assert {(answer.reason, *macs(answer)) for answer in crowd} == {
        (stateless.get(reason, reason), *where) for reason, *where in answers
    }


def macs(answer: Answer) -> tuple[str, ...]:
    return tuple(Ether(departure.frame).dst for departure in answer.frames)
