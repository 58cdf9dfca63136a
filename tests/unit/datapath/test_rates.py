# SPDX-License-Identifier: Apache-2.0
"""Rates as C steps them, held to what a rate is (director/stats.py), and zeroing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest
from director.datapath._native import ffi, lib
from hypothesis import given
from hypothesis import strategies as st

from director.datapath.memory import Memory
from director.model.counters import Counters, Rates
from director.stats import FRACTION_BITS, SmoothedRate

CPUS, SETS, ID = 3, 8, 5
NAMES = tuple(FRACTION_BITS)
GROWTH = st.tuples(*[st.integers(0, 2**40)] * len(NAMES))


class Counting:
    """A data path over tables that the test counts in, as the programs on three CPUs would."""

    def __init__(self) -> None:
        self.dests = ffi.new("struct lb_counters[]", CPUS * lib.LB_MAX_DESTS)
        self.services = ffi.new("struct lb_counters[]", CPUS * lib.LB_MAX_SERVICES)
        self._tables = {
            "conns": ffi.new("struct lb_conn[]", SETS * lib.LB_WAYS),
            "dests": ffi.new("struct lb_dest_state[]", lib.LB_MAX_DESTS),
            "services": ffi.new("struct lb_service_state[]", lib.LB_MAX_SERVICES),
            "reasons": ffi.new("struct lb_reason_counts[]", CPUS),
        }
        numbers = {"sets": SETS, "cpus": CPUS, "dest_counts": self.dests, "service_counts": self.services}
        self.datapath = lib.lb_datapath_over(ffi.new("struct lb_maps *", self._tables | numbers))
        self.memory = Memory(self.datapath, SETS, lambda _: None)

    def count(self, growth: tuple[int, ...], cpu: int = 0) -> None:
        for counters in self._of(cpu):
            for name, more in zip(NAMES, growth, strict=True):
                setattr(counters, name, getattr(counters, name) + more)

    def _of(self, cpu: int) -> tuple[Any, Any]:
        return self.dests[cpu * lib.LB_MAX_DESTS + ID], self.services[cpu * lib.LB_MAX_SERVICES + ID]


@pytest.fixture(scope="module")
def tables() -> Iterator[Counting]:
    counting = Counting()
    yield counting
    lib.lb_datapath_free(counting.datapath)


@pytest.fixture
def counting(tables: Counting) -> Counting:
    tables.memory.reset((ID,), (ID,))
    return tables


@given(st.lists(GROWTH, max_size=12))
def test_rates_are_stepped_in_c_as_they_are_defined(tables: Counting, growths: list[tuple[int, ...]]) -> None:
    tables.memory.reset((ID,), (ID,))
    wanted = [SmoothedRate(bits) for bits in FRACTION_BITS.values()]
    for number, growth in enumerate(growths):
        tables.count(growth, cpu=number % CPUS)
        tables.memory.tick(ID + 1, ID + 1)
        wanted = [rate.step(rate.total + more) for rate, more in zip(wanted, growth, strict=True)]
        assert tables.memory.destination_rates(ID) == Rates(*(rate.per_second for rate in wanted))
    assert tables.memory.service_rates(ID) == tables.memory.destination_rates(ID)


def test_counters_that_went_back_are_new(counting: Counting) -> None:
    counting.count((800, 800, 800, 800, 800))
    counting.memory.tick(ID + 1, ID + 1)
    lib.lb_datapath_reset_dest(counting.datapath, ID)
    counting.count((8, 8, 8, 8, 8))
    counting.memory.tick(ID + 1, ID + 1)
    once = SmoothedRate(10).step(800).step(8).per_second
    assert counting.memory.destination_rates(ID).connections == once


def test_an_id_past_the_end_is_not_read(counting: Counting) -> None:
    counting.count((8, 8, 8, 8, 8))
    counting.memory.tick(ID, ID)
    assert counting.memory.destination_rates(ID) == Rates() == counting.memory.service_rates(ID)


def test_zeroing_begins_counters_and_rates_again(counting: Counting) -> None:
    counting.count((1, 20, 300, 4, 5))
    counting.memory.tick(ID + 1, ID + 1)
    counting.memory.zero([ID], [ID])
    assert counting.memory.destination_counters(ID) == Counters() == counting.memory.service_counters(ID)
    assert counting.memory.destination_rates(ID) == Rates() == counting.memory.service_rates(ID)
    counting.count((2, 3, 4, 5, 6), cpu=1)
    assert counting.memory.destination_counters(ID) == Counters(2, 3, 4, 5, 6)
    counting.memory.zero([ID], [ID])
    counting.count((1, 1, 1, 1, 1))
    assert astuple(counting.memory.service_counters(ID)) == (1, 1, 1, 1, 1)


def test_ids_out_of_range_have_no_rate(counting: Counting) -> None:
    assert counting.memory.destination_rates(lib.LB_MAX_DESTS) == Rates()
    assert counting.memory.service_rates(lib.LB_MAX_SERVICES) == Rates()
