# SPDX-License-Identifier: Apache-2.0
"""The size the table is made for: a million connections in 128 MiB, all found again, all swept away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from director.datapath._native import ffi, lib

from director.datapath.memory import sets_for
from director.model import ForwardingMethod
from tests.unit.datapath.test_connection_table import IDLE, STEP, Table

MILLION = 1_000_000
CLIENTS = range(1, MILLION + 1)  # nobody is 0.0.0.0
ENTRY = 64


@pytest.fixture(scope="module")
def full() -> Iterator[Table]:
    table = Table(sets_for(MILLION), ForwardingMethod.DR)
    table.send_many(CLIENTS)
    yield table
    table.close()


def test_the_table_for_a_million_connections_takes_128_mib() -> None:
    assert sets_for(MILLION) * lib.LB_WAYS * ENTRY == 128 << 20
    assert ffi.sizeof("struct lb_conn") == ENTRY


def test_a_million_connections_all_have_a_place(full: Table) -> None:
    everything = ffi.new("struct lb_conn_query *")
    assert lib.lb_conns_count(full.datapath, everything, full.now) == MILLION
    assert full.counted() == (0, MILLION)


def test_each_of_a_million_connections_is_found_again(full: Table) -> None:
    hits = lib.lb_datapath_reason_count(full.datapath, full.reason("HIT"))
    full.send_many(CLIENTS[::97])
    found = lib.lb_datapath_reason_count(full.datapath, full.reason("HIT")) - hits
    assert found == len(CLIENTS[::97])
    assert lib.lb_datapath_reason_count(full.datapath, full.reason("NEW")) == MILLION


def test_a_million_connections_end_and_leave_empty_places(full: Table) -> None:
    for _ in range(3):
        full.now += IDLE + STEP
        full.sweep()
    assert full.counted() == (0, 0)
    assert full.places(lib.LB_CONN_EMPTY) == sets_for(MILLION) * lib.LB_WAYS - 1
