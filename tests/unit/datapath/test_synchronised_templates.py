# SPDX-License-Identifier: Apache-2.0
"""Templates that other directors should hear of, and theirs in the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from director.datapath._native import ffi, lib
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.datapath.synchronising import Entering
from director.model import (
    Configuration,
    Persistence,
    Tunables,
)
from tests.unit.datapath.synchronised import (
    DR,
    NAT,
    RULE,
    SETS,
    Director,
    made,
    template,
)


@pytest.fixture
def persistent() -> Iterator[Director]:
    yield from made(DR, Persistence(300))


def test_a_template_is_told_of_when_it_is_new_assured_or_used_again(persistent: Director) -> None:
    told: list[list[tuple[int, int, int]]] = []
    for flags, port in (("S", 40000), ("S", 40000), ("A", 40000), ("A", 40000), ("S", 40001)):
        persistent.client(flags, port)
        told.append(persistent.templates(1000 * len(told)))
    assert told[:4] == [[(2, 0, 300_000)], [], [(2, 1, 300_000)], []]
    persistent.reached(40002, later=5000)
    assert persistent.templates(6000) == [(2, 1, 300_000)]


def test_a_template_that_connections_hold_is_told_of_before_half_of_its_time(persistent: Director) -> None:
    for flags in "SA":
        persistent.client(flags)
    told = [later for later in range(0, 400_000, 10_000) if persistent.templates(later)]
    assert told == [0, 150_000, 300_000, 330_000, 360_000, 390_000]


def test_a_template_that_is_told_lately_is_told_with_a_minute_when_its_time_was_over(
    persistent: Director,
) -> None:
    for flags in "SA":
        persistent.client(flags)
    assert persistent.templates(310_000) == [(2, 1, 60_000)]


def test_without_a_period_a_template_is_told_of_once(persistent: Director) -> None:
    rule = replace(RULE, period=0)
    told: list[list[tuple[int, int, int]]] = []
    for later, port in enumerate((40000, 40001, 40002)):
        persistent.reached(port, later=1000 * later)
        told.append(persistent.templates(1000 * later, rule))
    assert told == [[(2, 0, 300_000)], [], []]


def test_a_refresh_period_spares_templates_too(persistent: Director) -> None:
    rule = replace(RULE, period=0, refresh=20_000)
    told = list[int]()
    for later, port in ((0, 40000), (15_000, 40001), (21_000, 40002)):
        persistent.reached(port, later=later)
        told.append(len(persistent.templates(later, rule)))
    assert told == [1, 0, 1]


def test_a_template_that_has_ended_is_not_told_of(persistent: Director) -> None:
    persistent.client("S")
    (service,) = persistent.configuration.services
    quiesced = (service.destinations[0], replace(service.destinations[1], weight=0))
    persistent.swap(
        Configuration(
            (replace(service, destinations=quiesced),), tunables=Tunables(expire_quiescent_template=1)
        )
    )
    persistent.client("S", 40001)
    assert [number for number, *_ in persistent.templates()] == [1]


@pytest.mark.parametrize("number", [1, 2])
def test_a_client_goes_on_to_the_server_that_a_template_was_told_of(
    persistent: Director, number: int
) -> None:
    assert persistent.table.enter(template(destination=number), None) is Entering.ENTERED
    assert [persistent.reached(port) for port in (40000, 40001, 40002)] == [number] * 3
    assert [persistent.persistent(each) for each in (1, 2)] == [int(number == 1), int(number == 2)]


def test_a_template_that_was_entered_is_not_told_back(persistent: Director) -> None:
    persistent.table.enter(template(), None)
    before = persistent.templates()
    persistent.reached(40000, later=1000)
    assert (before, persistent.templates(1000)) == ([], [(1, 1, 300_000)])


def test_a_template_lives_as_long_as_it_was_told_last(persistent: Director) -> None:
    assert persistent.table.enter(template(state=0, expires_in=1000), None) is Entering.ENTERED
    assert persistent.table.enter(template(expires_in=9000), None) is Entering.UPDATED
    persistent.table.begin_telling()
    assert [persistent.templates(later) for later in (8000, 10_000)] == [[(1, 1, 9000)], []]
    assert persistent.reached(40000, later=10_000) == 2


def test_the_server_that_was_told_last_is_the_clients(persistent: Director) -> None:
    persistent.table.enter(template(destination=1), None)
    assert persistent.table.enter(template(destination=2), None) is Entering.ENTERED
    assert [persistent.persistent(each) for each in (1, 2)] == [0, 1]
    assert persistent.reached(40000) == 2


def test_a_template_that_holds_connections_gives_way_and_ends_with_them(persistent: Director) -> None:
    first = persistent.reached(40000)
    other = 3 - first
    assert persistent.table.enter(template(destination=other), None) is Entering.ENTERED
    assert persistent.reached(40001) == other
    assert [persistent.persistent(each) for each in (1, 2)] == [1, 1]


def test_a_template_to_a_server_that_is_not_there_is_not_entered(persistent: Director) -> None:
    for number in (0, 3, 131071, 2**32 - 1):
        assert persistent.table.enter(template(destination=number), None) is Entering.UNKNOWN


def test_templates_fill_the_table_at_most(persistent: Director) -> None:
    clients = (IPAddress(0x0A000000 + number).packed for number in range(5000))
    results = [persistent.table.enter(template(caddr=caddr), None) for caddr in clients]
    assert set(results) == {Entering.ENTERED, Entering.FULL}
    assert persistent.persistent(1) == results.count(Entering.ENTERED)


def test_a_template_is_let_go_when_replies_are_swept_before_their_flows() -> None:
    """The place of a reply that is gone may be another's, who knows of no template of this flow."""
    it = Director(NAT, persistence=Persistence(1))
    sweeper = ffi.gc(lib.lb_sweeper_new(it.raw), lib.lb_sweeper_free)
    for port in range(40000, 40080):
        it.reached(port)
    now = lib.lb_clock() + 61_000
    for number in range(2 * SETS):
        lib.lb_sweep(sweeper, 1, now)
        it.reached(41000 + number, later=61_000, client=IPAddress("198.51.100.8"))
    for later in (200_000, 300_000):
        lib.lb_sweep(sweeper, SETS, lib.lb_clock() + later)
    assert [it.persistent(number) for number in (1, 2)] == [0, 0]


CLIENTS = [IPAddress(f"198.51.100.{host}") for host in range(1, 4)]
TELL = st.tuples(
    st.sampled_from(CLIENTS), st.sampled_from([1, 2]), st.sampled_from([0, 1]), st.integers(1000, 2**31 - 1)
)
CONNECT = st.sampled_from(CLIENTS)


@given(st.lists(st.one_of(TELL, CONNECT), max_size=30))
def test_whatever_is_told_a_client_goes_to_the_server_told_last(steps: list[Any]) -> None:
    it = Director(DR, persistence=Persistence(300))
    servers: dict[IPAddress, int] = {}
    for port, step in enumerate(steps, start=40000):
        if isinstance(step, IPAddress):
            reached = it.reached(port, client=step)
            assert reached == servers.setdefault(step, reached)
        else:
            client, number, state, milliseconds = step
            told = template(caddr=client.packed, destination=number, state=state, expires_in=milliseconds)
            known = servers.get(client)
            wanted = Entering.UPDATED if known == number else Entering.ENTERED
            assert it.table.enter(told, None) is wanted
            servers[client] = number
    query = ffi.new("struct lb_conn_query *")
    flows = sum(isinstance(step, IPAddress) for step in steps)
    templates = lib.lb_conns_count(it.raw, query, lib.lb_clock()) - flows
    assert it.persistent(1) + it.persistent(2) == templates >= len(servers)
    lib.lb_datapath_free(it.raw)
