# SPDX-License-Identifier: Apache-2.0
"""What a data path remembers, read through C tables that belong to somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from director.datapath.errors import DatapathError
from director.datapath.memory import Memory, check, reasons, sets_for
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, Rates, TableStatus
from director.tables.image import compile_image

SETS = 1024


@pytest.fixture
def memory() -> Iterator[Memory]:
    datapath = new()
    yield Memory(datapath, SETS, lambda _: None)
    lib.lb_datapath_free(datapath)


def new() -> Any:
    datapath = lib.lb_datapath_new(SETS, 1, 7)
    assert datapath != ffi.NULL
    return datapath


@pytest.mark.parametrize(("connections", "places"), [(1, 16), (1000, 2048), (1024, 2048), (1025, 4096)])
def test_there_are_twice_the_places_asked_for_as_a_power_of_two(connections: int, places: int) -> None:
    assert sets_for(connections) * lib.LB_WAYS == places


def open_a_persistent_connection(datapath: Any) -> None:
    key, server = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80), IPAddress("10.0.0.2")
    destinations = (Destination(server, 80, ForwardingMethod.DR),)
    service = VirtualService(key, Scheduler.RR, destinations=destinations, persistence=Persistence(100))
    mac = EUI("02-00-00-00-00-01")
    hops = {server: NextHop(4, mac, mac, IPAddress("10.0.0.1"), 1500)}
    links = tuple(Link(index, f"eth{index}", mac, 1500, up=True) for index in (3, 4))
    image = compile_image(Configuration((service,)), hops, links=links)
    assert lib.lb_datapath_swap(datapath, image, len(image)) == 0
    syn = bytes(Ether() / IP(src="198.51.100.7", dst="192.0.2.1") / TCP(sport=40000, dport=80))
    frame = ffi.new("struct lb_test_frame *", {"length": len(syn), "ifindex": 3})
    frame.data = held = ffi.from_buffer("uint8_t[]", syn)
    out, answer = ffi.new("uint8_t[]", 4096), ffi.new("struct lb_test_answer *")
    assert lib.lb_datapath_try(datapath, 0, frame, lib.lb_clock(), out, len(out), answer) == 0
    assert ffi.string(lib.lb_reason_name(answer.reason)) == b"NEW"
    del held


def test_a_template_is_no_connection() -> None:
    datapath = ffi.gc(new(), lib.lb_datapath_free)
    memory = Memory(datapath, SETS, lambda _: None)
    open_a_persistent_connection(datapath)
    assert memory.table() == TableStatus(capacity=SETS * lib.LB_WAYS, used=2, templates=1)
    totals = [memory.connections(ConnectionQuery(templates=asked, limit=0)).total for asked in (False, True)]
    assert totals == [1, 2]


def test_what_leads_to_a_destination_can_be_ended() -> None:
    datapath = ffi.gc(new(), lib.lb_datapath_free)
    memory = Memory(datapath, SETS, lambda _: None)
    open_a_persistent_connection(datapath)
    assert (memory.end((2, 3)), memory.table().used) == (0, 2)
    assert (memory.end((1,)), memory.table().used) == (2, 0)
    assert memory.destination_connections(1) == (0, 0, 0)


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
