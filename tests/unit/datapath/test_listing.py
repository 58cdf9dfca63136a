# SPDX-License-Identifier: Apache-2.0
"""Questions about connections in the table's terms, and its entries as nouns."""

from __future__ import annotations

from typing import Any

import pytest
from director.datapath._native import ffi, lib
from netaddr import IPAddress, IPNetwork

from director.datapath.listing import STATES, Holder, entry_of, query_of
from director.model import Destination, ForwardingMethod, Protocol, ServiceKey
from director.model.connection import ConnectionEntry, ConnectionQuery, ConnectionState, Endpoint

HTTP = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DIRECT = Destination(IPAddress("10.0.0.2"), 8080, ForwardingMethod.DR)
TRANSLATED = Destination(IPAddress("10.0.0.3"), 8080, ForwardingMethod.NAT)
HOLDERS: dict[int, Holder] = {7: (HTTP, DIRECT), 9: (HTTP, TRANSLATED)}


def entry(**fields: Any) -> Any:
    raw = ffi.new("struct lb_conn *")
    raw.protocol, raw.kin, raw.dest = 6, 4, 7
    raw.caddr.word[0] = int.from_bytes(IPAddress("198.51.100.7").packed, "little")
    raw.vaddr.word[0] = int.from_bytes(HTTP.address.packed, "little")
    raw.cport, raw.vport = 0x3930, 0x5000  # 12345 and 80, in network order
    raw.control = 1 << 32 | 1 << 8 | lib.LB_CONN_FLOW  # state ESTABLISHED
    for name, value in fields.items():
        setattr(raw, name, value)
    return raw


def read(raw: Any, now: int = 0) -> ConnectionEntry | None:
    return entry_of(raw[0], HOLDERS.get, now)


def test_an_entry_is_read_whole() -> None:
    assert read(entry(expires=61_500), now=1_000) == ConnectionEntry(
        protocol=Protocol.TCP,
        client=Endpoint(IPAddress("198.51.100.7"), 12345),
        virtual=Endpoint(HTTP.address, 80),
        destination=Endpoint(DIRECT.address, 80),
        method=ForwardingMethod.DR,
        state=ConnectionState.ESTABLISHED,
        expires_in=60.5,
        packets=0,
    )


def test_only_a_translated_connection_is_at_another_port() -> None:
    found = read(entry(dest=9))
    assert found is not None
    assert found.destination == Endpoint(TRANSLATED.address, 8080)


def test_an_entry_whose_destination_is_forgotten_is_not_listed() -> None:
    assert read(entry(dest=8)) is None


@pytest.mark.parametrize(
    ("expires", "now", "left"), [(5_000, 4_000, 1.0), (4_000, 5_000, 0.0), (500, 2**32 - 500, 1.0)]
)
def test_the_clock_may_wrap_while_an_entry_lives(expires: int, now: int, left: float) -> None:
    found = read(entry(expires=expires), now)
    assert found is not None
    assert found.expires_in == left


def test_every_state_has_the_name_that_the_table_counts_by() -> None:
    names = []
    for number in STATES:
        found = read(entry(control=1 << 32 | number << 8 | lib.LB_CONN_FLOW))
        assert found is not None
        names.append(found.state)
    assert names == [*STATES.values()]
    assert {*names} == {*ConnectionState} - {ConnectionState.ASSURED}
    assert max(STATES) + 1 == lib.LB_S_COUNT


def test_a_state_that_two_protocols_have_is_asked_for_by_both_numbers() -> None:
    raw = query_of(ConnectionQuery(state=ConnectionState.ESTABLISHED), HOLDERS.get).raw
    assert raw.states == 1 << 1 | 1 << lib.LB_S_SCTP_NONE + 8


def test_a_question_without_filters_asks_for_everything() -> None:
    raw = query_of(ConnectionQuery(templates=True), HOLDERS.get).raw
    assert bytes(ffi.buffer(raw)) == bytes(ffi.sizeof("struct lb_conn_query"))


def test_templates_are_left_out_unless_asked_for() -> None:
    assert query_of(ConnectionQuery(), HOLDERS.get).raw.flows_only == 1


def test_filters_are_written_in_network_order() -> None:
    query = ConnectionQuery(service=HTTP, client=IPNetwork("198.51.100.0/24"), state=ConnectionState.UDP)
    raw = query_of(query, HOLDERS.get).raw
    assert (raw.protocol, raw.family, raw.vport, raw.client_family) == (6, 4, 0x5000, 4)
    assert raw.states == 1 << lib.LB_S_UDP
    assert bytes(ffi.buffer(ffi.addressof(raw, "client")))[:4] == IPAddress("198.51.100.0").packed
    assert bytes(ffi.buffer(ffi.addressof(raw, "client_mask")))[:4] == IPAddress("255.255.255.0").packed


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (Endpoint(DIRECT.address, 80), {7}),
        (Endpoint(DIRECT.address, 8080), set()),
        (Endpoint(TRANSLATED.address, 8080), {9}),
        (Endpoint(TRANSLATED.address, 0), {9}),
        (Endpoint(IPAddress("10.0.0.4"), 0), set()),
    ],
)
def test_a_destination_is_asked_for_by_its_ids(asked: Endpoint, ids: set[int]) -> None:
    wanted = query_of(ConnectionQuery(destination=asked), HOLDERS.get).wanted
    assert {number for number in range(len(wanted)) if wanted[number]} == ids
