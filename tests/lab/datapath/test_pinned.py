# SPDX-License-Identifier: Apache-2.0
"""Tables and links that one process leaves are taken over by the next, or given up and made anew."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from director.datapath._native import lib

from director.datapath.ebpf import EbpfDatapath
from director.datapath.errors import DatapathError
from director.datapath.pinned import Left, Pinned, layouts
from director.datapath.pins import find_pins
from director.datapath.programs import TableSizes
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf"), pytest.mark.lab]

IDENTITY = f"pinned{os.getpid()}"
SETTINGS = Settings(connections=512)
STATE = {"lb_conns", "lb_dests", "lb_services", "lb_dest_counts", "lb_service_counts", "lb_reasons"}
NO_FILTER = -1
KNOWN = frozenset({7})


class Everywhere:
    """One kind for each interface."""

    def __init__(self, kind: DatapathKind) -> None:
        self._kind = kind

    def carriage(self, index: int) -> Carriage:
        return Carriage(self._kind, f"interface {index}")

    def instead(self, error: DatapathError) -> Carriage:
        raise error


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for pins in find_pins(IDENTITY):
        pins.remove()


@contextlib.contextmanager
def process(
    instance: str, left: Left | None = None, kind: DatapathKind = DatapathKind.TC
) -> Iterator[EbpfDatapath]:
    """A data path whose process ends with the block, as a kill would end it."""
    pinned = Pinned(IDENTITY, instance, left)
    datapath = EbpfDatapath(SETTINGS, lambda _: None, Everywhere(kind), pinned, 64)
    try:
        yield datapath
    finally:
        datapath.leave()


def left(sizes: TableSizes, anew: frozenset[str] = frozenset()) -> Left:
    (pins,) = find_pins(IDENTITY)
    return Left(pins, sizes, KNOWN, anew)


def count(datapath: EbpfDatapath, number: int) -> None:
    datapath._tc.tables.at("lb_dests", "struct lb_dest_state *")[7].active = number
    datapath._tc.tables.at("lb_reasons", "uint64_t *")[3] = number


def counted(datapath: EbpfDatapath) -> tuple[int, int]:
    return datapath.destination_connections(7)[0], datapath.reasons()[3].count


def test_the_state_is_the_next_processs_and_the_images_are_not() -> None:
    with process("1") as first:
        sizes = first.sizes
        count(first, 5)
    (pins,) = find_pins(IDENTITY)
    assert set(pins.names()) == STATE
    with process("2", left(sizes)) as second:
        assert (counted(second), second.sizes.seed) == ((5, 5), sizes.seed)
        assert (second.pinned.taken_over, second.pinned.where) == (True, pins.name)
    assert find_pins(IDENTITY) == (pins,)


def test_reasons_of_other_meaning_begin_anew_and_the_rest_stays() -> None:
    with process("1") as first:
        sizes = first.sizes
        count(first, 5)
    with process("2", left(sizes, frozenset({"lb_reasons"}))) as second:
        assert counted(second) == (5, 0)
        count(second, 6)
    with process("3", left(sizes)) as third:
        assert counted(third) == (6, 6)


@pytest.mark.parametrize("change", [{"sets": 1 << 12}, {"cpus": 3}], ids=["sets", "cpus"])
def test_tables_of_another_size_are_never_read(change: dict[str, int]) -> None:
    with process("1") as first:
        sizes = first.sizes
        count(first, 5)
    with process("2", left(replace(sizes, **change))) as second:  # type: ignore[arg-type]
        assert (counted(second), second.pinned.taken_over) == ((0, 0), False)
        assert second.pinned.lost is not None
        assert "entries, not" in second.pinned.lost
    assert [pins.instance for pins in find_pins(IDENTITY)] == ["2"]


@pytest.mark.parametrize(("holder", "taken_over"), [(7, True), (9, False)], ids=["known", "unknown"])
def test_tables_with_connections_of_nobody_knows_whom_are_given_up(holder: int, taken_over: bool) -> None:
    with process("1") as first:
        sizes = first.sizes
        flow = first._tc.tables.at("lb_conns", "struct lb_conn *")[5]
        flow.expires, flow.dest = (lib.lb_clock() + 600_000) & 0xFFFF_FFFF, holder
        flow.control = lib.LB_CONN_FLOW
        assert first.census() == {holder}
    with process("2", left(sizes)) as second:
        assert second.pinned.taken_over is taken_over
        assert second.census() == ({holder} if taken_over else frozenset())
        sentence = "connections refer to 1 destinations of which the record tells nothing"
        assert second.pinned.lost == (None if taken_over else sentence)


def test_half_made_pins_are_given_up_and_removed() -> None:
    with process("1") as first:
        sizes = first.sizes
    (pins,) = find_pins(IDENTITY)
    pins.unpin("lb_services")
    with process("2", Left(pins, sizes, KNOWN)) as second:
        assert second.pinned.lost == "there is no pinned lb_services: No such file or directory"
    assert [(one.instance, set(one.names())) for one in find_pins(IDENTITY)] == [("2", STATE)]


def test_a_clean_stop_leaves_no_pin() -> None:
    datapath = EbpfDatapath(SETTINGS, lambda _: None, Everywhere(DatapathKind.TC), Pinned(IDENTITY, "1"), 64)
    datapath.stop()
    assert find_pins(IDENTITY) == ()


def test_where_nothing_can_be_pinned_the_data_path_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("director.datapath.pins._places", tuple)
    with process("1") as first:
        count(first, 5)
        assert (counted(first), first.pinned.where) == ((5, 5), None)
        assert first.pinned.why_not is not None
        assert "`mount -t bpf bpf /sys/fs/bpf` makes one" in first.pinned.why_not


def test_a_link_outlives_the_process_until_nobody_wants_it(joined: Segment) -> None:
    with process("1", kind=DatapathKind.XDP) as first:
        sizes = first.sizes
        first.add_interface(joined.inside, NO_FILTER)
    (pins,) = find_pins(IDENTITY)
    link = f"link-{joined.inside}"
    assert link in pins.names()
    with process("2", left(sizes), DatapathKind.XDP) as second:
        second.add_interface(joined.inside, NO_FILTER)
        second.settle()
        assert link in pins.names()
    with process("3", left(sizes), DatapathKind.TC) as third:
        third.add_interface(joined.inside, NO_FILTER)
        assert link in pins.names()
        third.settle()
        assert set(pins.names()) == STATE


def test_tables_that_are_given_up_take_no_link_along(joined: Segment) -> None:
    with process("1", kind=DatapathKind.XDP) as first:
        first.add_interface(joined.inside, NO_FILTER)
    with process("2", kind=DatapathKind.XDP) as second:
        second.add_interface(joined.inside, NO_FILTER)
        second.settle()
    assert [(one.instance, f"link-{joined.inside}" in one.names()) for one in find_pins(IDENTITY)] == [
        ("2", True)
    ]


def test_layouts_are_the_same_each_time() -> None:
    assert layouts() == layouts()
    assert len({layouts().memory, layouts().reasons}) == 2
