# SPDX-License-Identifier: Apache-2.0
"""Connections that other directors should hear of, and theirs in the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from director.datapath._native import lib
from netaddr import EUI
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from director.datapath.synchronising import Entering, SyncTable
from director.model.sync import Whereabouts
from director.sync.entries import Translator
from director.tables.layout import Timeout
from tests.unit.datapath.synchronised import (
    CLIENT,
    DR,
    INSIDE,
    NAT,
    ROUTER_MAC,
    RULE,
    VIP,
    WAY,
    Director,
    flow,
    made,
)


@pytest.fixture
def director() -> Iterator[Director]:
    yield from made(DR)


@pytest.fixture
def nat() -> Iterator[Director]:
    yield from made(NAT)


def test_a_connection_is_told_of_at_the_threshold_and_after_each_period(director: Director) -> None:
    told = []
    for number, flags in enumerate(("S", *["A"] * 105), 1):
        director.client(flags)
        told += [number] if director.told() else []
    assert told == [3, 53, 103]


def test_a_connection_that_a_walk_saw_late_is_told_of_once(director: Director) -> None:
    for flags in ("S", *["A"] * 59):
        director.client(flags)
    assert director.told() == [(40000, 2, Timeout.TCP_ESTABLISHED, 60)]
    director.client("A")
    assert director.told() == []


def test_what_closes_is_told_of_at_once(director: Director) -> None:
    told = []
    for flags in ("S", "F", "F", "F", "S", "R"):
        director.client(flags)
        told.append([state for _, _, state, _ in director.told()])
    at_once = at_the_threshold = [Timeout.TCP_TIME_WAIT]
    assert told == [[], at_once, at_the_threshold, [], [], []]


def test_a_half_open_connection_is_not_told_of(director: Director) -> None:
    for _ in range(60):
        director.client("S")
    assert director.told() == []


SCTP = Timeout.SCTP_NONE
TOLD = [SCTP + number for number in (8, 9, 10, 11, 13)]


def test_of_sctp_the_kernels_states_are_told(director: Director) -> None:
    states = range(SCTP, SCTP + 14)
    for state in states:
        director.table.enter(flow(protocol=132, cport=state, state=state, packets=1), None)
    director.table.begin_telling()
    closing = [state for _, _, state, _ in director.told()]
    for state in states:
        director.table.enter(flow(protocol=132, cport=state, state=state), None)
    director.table.begin_telling()
    assert (sorted(closing), sorted(state for _, _, state, _ in director.told())) == (TOLD[1:], TOLD)


def test_without_a_period_a_connection_is_told_of_once(director: Director) -> None:
    told = []
    for number, flags in enumerate(("S", *["A"] * 60), 1):
        director.client(flags)
        told += [number] if director.told(replace(RULE, period=0)) else []
    assert told == [3]


def test_a_refresh_period_alone_tells_of_a_connection_when_its_end_has_moved(director: Director) -> None:
    rule = replace(RULE, period=0, refresh=20_000)
    told = []
    for later in (0, 1, 19_000, 21_000, 40_000, 42_000):
        packet = IP(src=str(CLIENT), dst=str(VIP)) / TCP(
            sport=40000, dport=80, flags="S" if not later else "A"
        )
        director.send(Ether() / packet, later=later)
        told += [later] if director.told(rule) else []
    assert told == [1, 21_000, 42_000]


def test_who_begins_to_tell_tells_of_all(director: Director) -> None:
    for port in (40000, 40001):
        for flags in "SAA":
            director.client(flags, port)
    first = sorted(director.told())
    director.table.begin_telling()
    assert (len(first), sorted(director.told())) == (2, first)


def test_a_connection_that_is_told_of_here_goes_on_to_its_server(director: Director) -> None:
    assert director.client("A")[0] != "HIT"
    assert director.table.enter(flow(destination=2), None) is Entering.ENTERED
    reason, out = director.client("A")
    assert (reason, out is not None) == ("HIT", True)
    assert director.counts(2) == (1, 0)


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_entered_is_not_told_back(director: Director, number: int) -> None:
    director.table.enter(flow(destination=number), None)
    assert director.told() == []
    for _ in range(49):
        director.client("A")
    assert director.told() == []
    director.client("A")
    assert director.told() == [(40000, number, Timeout.TCP_ESTABLISHED, 53)]


def test_an_entry_moves_to_the_state_that_it_is_told_to_be_in(director: Director) -> None:
    director.table.enter(flow(), None)
    before = director.counts(1)
    assert director.table.enter(flow(state=Timeout.TCP_FIN_WAIT), None) is Entering.UPDATED
    assert (before, director.counts(1)) == ((1, 0), (0, 1))


def test_a_live_connection_to_another_server_takes_the_place_of_the_old(director: Director) -> None:
    director.table.enter(flow(), None)
    assert director.table.enter(flow(destination=2), None) is Entering.ENTERED
    assert (director.counts(1), director.counts(2)) == ((0, 0), (1, 0))


def test_the_end_of_a_connection_that_was_replaced_is_passed_over(director: Director) -> None:
    director.table.enter(flow(destination=2), None)
    assert director.table.enter(flow(state=Timeout.TCP_CLOSE), None) is Entering.STALE
    assert (director.counts(1), director.counts(2)) == ((0, 0), (1, 0))


def test_a_destination_that_is_not_there_is_said_to_be_unknown(director: Director) -> None:
    for number in (0, 3, 131071, 2**32 - 1):
        assert director.table.enter(flow(destination=number), None) is Entering.UNKNOWN


def test_a_full_table_takes_no_more_and_loses_nothing(director: Director) -> None:
    results = [director.table.enter(flow(cport=port), None) for port in range(1, 60_000)]
    assert set(results) == {Entering.ENTERED, Entering.FULL}
    assert director.counts(1) == (results.count(Entering.ENTERED), 0)


def test_an_entry_lives_as_long_as_it_is_told_or_as_its_state_does(director: Director) -> None:
    director.table.enter(flow(expires_in=5000), None)
    director.table.enter(flow(cport=40001, expires_in=0), None)
    director.table.begin_telling()
    told = {found.cport: found.expires_in for found in director.table.collect(RULE)}
    assert 4000 < told[40000] <= 5000
    assert 899_000 < told[40001] <= 900_000


def test_a_servers_replies_find_a_client_that_is_known(nat: Director) -> None:
    nat.table.enter(flow(), WAY)
    reason, out = nat.server(0)
    assert (reason, out is not None) == ("REPLY", True)
    assert out is not None
    assert (out.dst, out[IP].src, out[TCP].sport) == (str(ROUTER_MAC).replace("-", ":").lower(), str(VIP), 80)


def test_a_servers_replies_wait_for_a_client_that_is_not_known(nat: Director) -> None:
    nat.table.enter(flow(), None)
    assert nat.server(0)[1] is None
    assert nat.table.lead(flow(), WAY)
    assert nat.server(0)[1] is not None


def test_a_clients_own_packet_tells_where_it_is(nat: Director) -> None:
    nat.table.enter(flow(), None)
    nat.client("A")
    assert nat.server(0)[1] is not None
    elsewhere = Whereabouts(INSIDE, EUI("02-00-00-00-00-99"))
    assert not nat.table.lead(flow(), elsewhere)
    out = nat.server(0)[1]
    assert out is not None
    assert out.dst == str(ROUTER_MAC).replace("-", ":").lower()


def test_a_connection_that_is_not_there_is_not_led(nat: Director) -> None:
    assert not nat.table.lead(flow(), WAY)


def test_a_nat_connection_that_was_entered_takes_its_reply_with_it(nat: Director) -> None:
    nat.table.enter(flow(), WAY)
    nat.table.enter(flow(destination=2), WAY)
    places = [lib.lb_conns_places(nat.raw, kind) for kind in (lib.LB_CONN_FLOW, lib.LB_CONN_REPLY)]
    assert places == [1, 1]
    assert (nat.server(0)[1], nat.server(1)[0]) == (None, "REPLY")


def test_the_whole_table_is_looked_through_in_slices(director: Director) -> None:
    assert (director.table.slices, director.table.rounds) == (1, 0)
    director.told()
    assert director.table.rounds == 1
    assert SyncTable(lambda: director.raw, 1 << 18).slices == 64


def test_a_translators_rule_is_taken(director: Director) -> None:
    class Ids:
        configuration = director.configuration

    rule = Translator(Ids()).rule()  # type: ignore[arg-type]
    for flags in "SAA":
        director.client(flags)
    assert director.told(rule) == [(40000, 2, Timeout.TCP_ESTABLISHED, 3)]
