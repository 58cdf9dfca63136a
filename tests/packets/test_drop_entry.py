# SPDX-License-Identifier: Apache-2.0
"""drop_entry: which connections end when a part of the table is looked through, and what they counted for."""

from __future__ import annotations

import pytest
from director.datapath._native import lib

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Arrival, State
from tests.packets.frames import tcp
from tests.packets.network import OUTSIDE, setting, web
from tests.packets.user_host import UserHost

PARTS = 32
MINUTE = 60_000


def after(moves: str, *, idle: int, rounds: int = PARTS * 12) -> frozenset[State]:
    """Look through a small table until each place was seen, and say in what states flows are left."""
    host = UserHost(sets=PARTS)
    host.apply(setting(web(ForwardingMethod.DR)))
    for flags in moves.split():
        host.handle(Arrival(OUTSIDE, bytes(tcp(flags))), 0)
    for chance in range(rounds):
        lib.lb_datapath_defend(host._datapath, 0, 1, idle, chance)
    return frozenset(entry.state for entry in host.connections(idle))


@pytest.mark.parametrize(
    ("moves", "idle", "left"),
    [
        ("S", 0, set()),
        ("S A", MINUTE - 1, {State.ESTABLISHED}),
        ("S A", MINUTE, set()),
        ("S A" + " A" * 6, MINUTE, set()),
        ("S A" + " A" * 7, MINUTE, {State.ESTABLISHED}),
        ("S A F", MINUTE, {State.FIN_WAIT}),
    ],
)
def test_half_open_connections_end_and_quiet_ones_after_a_minute(
    moves: str, idle: int, left: set[State]
) -> None:
    assert after(moves, idle=idle) == left


def test_nothing_ends_unless_it_is_asked_for() -> None:
    host = UserHost(sets=PARTS)
    host.apply(setting(web(ForwardingMethod.DR)))
    host.handle(Arrival(OUTSIDE, bytes(tcp("S"))), 0)
    assert sum(lib.lb_datapath_defend(host._datapath, 0, 0, 0, chance) for chance in range(1000)) == 0


def test_a_connection_that_ended_counts_no_more() -> None:
    host = UserHost(sets=PARTS)
    host.apply(setting(web(ForwardingMethod.DR)))
    host.handle(Arrival(OUTSIDE, bytes(tcp("S"))), 0)
    assert sum(lib.lb_datapath_defend(host._datapath, 0, 1, 0, chance) for chance in range(1000)) == 1
    counted = host.destination_counts("tcp:192.0.2.1:80", "10.0.0.11:80")
    assert (counted.active, counted.inactive) == (0, 0)


@pytest.mark.parametrize(("rate", "forwarded"), [(0, 3), (1, 0), (2, 2)])
def test_drop_packet_by_itself_goes_by_how_scarce_memory_is(rate: int, forwarded: int) -> None:
    host = UserHost()
    host.apply(setting(web(ForwardingMethod.DR), tunables=Tunables(drop_packet=1)))
    lib.lb_datapath_defend(host._datapath, rate, 0, 0, 0)
    answers = [host.handle(Arrival(OUTSIDE, bytes(tcp("S", port=port))), 0) for port in (1, 2, 3)]
    assert sum(answer.reason == "new" for answer in answers) == forwarded
