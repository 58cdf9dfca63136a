# SPDX-License-Identifier: Apache-2.0
"""What a data path remembers, read through C tables that belong to somebody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from director.datapath._native import ffi, lib

from director.datapath.errors import DatapathError
from director.datapath.memory import Memory, check, reasons, sets_for
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, Rates, TableStatus

SETS = 1024


@pytest.fixture
def memory() -> Iterator[Memory]:
    datapath = lib.lb_datapath_new(SETS, 1, 7)
    assert datapath != ffi.NULL
    yield Memory(datapath, SETS, lambda _: None)
    lib.lb_datapath_free(datapath)


@pytest.mark.parametrize(("connections", "places"), [(1, 16), (1000, 2048), (1024, 2048), (1025, 4096)])
def test_there_are_twice_the_places_asked_for_as_a_power_of_two(connections: int, places: int) -> None:
    assert sets_for(connections) * lib.LB_WAYS == places


def test_what_nobody_used_is_empty(memory: Memory) -> None:
    assert memory.table() == TableStatus(capacity=SETS * lib.LB_WAYS, used=0)
    assert memory.census() == frozenset()
    assert memory.connections(ConnectionQuery()) == ConnectionPage((), 0)
    assert (memory.service_counters(1), memory.destination_counters(1)) == (Counters(), Counters())
    assert memory.destination_connections(1) == (0, 0, 0)
    assert memory.reasons() == reasons()


def test_what_is_given_out_anew_has_no_zero_and_no_rate(memory: Memory) -> None:
    memory.zero([1], [7])
    memory.reset((1,), (7,))
    memory.tick(2, 8)
    assert (memory.service_counters(1), memory.service_rates(1)) == (Counters(), Rates())
    assert (memory.destination_counters(7), memory.destination_rates(7)) == (Counters(), Rates())


def test_a_failure_of_c_says_what_and_why() -> None:
    with pytest.raises(DatapathError, match="no ring: No such device"):
        check(-19, "no ring")
