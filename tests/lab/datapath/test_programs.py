# SPDX-License-Identifier: Apache-2.0
"""The eBPF programs and user space share their tables, and a table image is swapped under them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from director.datapath._native import lib

from director.datapath.errors import DatapathError
from director.datapath.programs import ProgramKind, Programs, Tables, TableSizes
from director.model import ForwardingMethod
from tests.needs import needs
from tests.packets.network import setting, web
from tests.packets.steering import Steering

pytestmark = [needs("root", "bpf")]
SIZES = TableSizes(sets=1 << 10, image_lines=64)


@pytest.fixture
def programs() -> Iterator[Programs]:
    loaded = Programs.load(ProgramKind.XDP, SIZES)
    yield loaded
    loaded.close()


def image() -> bytes:
    (swap,) = Steering().swaps(setting(web(ForwardingMethod.DR)))
    return swap.image


def in_force(tables: Tables) -> bytes:
    at = tables.shared.active_first * lib.LB_LINE
    return tables.region("lb_images")[at : at + len(image())]


def test_a_swap_puts_the_image_in_force_in_the_half_that_no_program_reads(programs: Programs) -> None:
    firsts = []
    for _ in range(3):
        programs.swap(image())
        firsts.append(programs.tables.shared.active_first)
        assert in_force(programs.tables) == image()
    assert firsts == [64, 0, 64]


def test_an_image_longer_than_its_room_is_refused_and_the_old_one_stays(programs: Programs) -> None:
    programs.swap(image())
    with pytest.raises(DatapathError, match="more than 64 lines"):
        programs.swap(bytes(65 * lib.LB_LINE))
    assert in_force(programs.tables) == image()


def test_what_is_no_image_is_refused_and_the_old_one_stays(programs: Programs) -> None:
    programs.swap(image())
    with pytest.raises(DatapathError, match="table image refused"):
        programs.swap(bytes(lib.LB_LINE))
    assert in_force(programs.tables) == image()


def test_a_program_beside_another_uses_the_same_tables(programs: Programs) -> None:
    other = programs.beside(ProgramKind.TC)
    assert other.tables is programs.tables
    assert other.descriptor != programs.descriptor
    other.close()


def test_a_program_over_maps_that_are_there_finds_what_they_hold(programs: Programs) -> None:
    programs.swap(image())
    later = Programs.over(ProgramKind.XDP, SIZES, programs.tables.descriptors)
    assert in_force(later.tables) == image()
    later.close()


def test_maps_of_another_size_are_refused(programs: Programs) -> None:
    with pytest.raises(DatapathError, match="lb_conns has 8192 entries, not 16384"):
        Programs.over(ProgramKind.XDP, TableSizes(sets=1 << 11, image_lines=64), programs.tables.descriptors)
