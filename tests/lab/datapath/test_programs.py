# SPDX-License-Identifier: Apache-2.0
"""The eBPF programs and user space share their tables, and a table image is swapped under them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from director.datapath._native import ffi, lib

from director.datapath.errors import DatapathError
from director.datapath.programs import ProgramKind, Programs, Tables, TableSizes
from director.model import ForwardingMethod
from director.tables import layout
from tests.needs import needs
from tests.packets.case import Arrival
from tests.packets.ebpf_host import inside, tc_context
from tests.packets.frames import udp
from tests.packets.network import ONE, OUTSIDE, TWO, destination, names, service, setting, web
from tests.packets.steering import Steering

pytestmark = [needs("root", "bpf", "netns", "veth")]
RUNS, SWAPS = 20_000, 60
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
    """Read the image back, with the lines that it tells of counted from its own first line."""
    first = tables.shared.active_first
    at = first * layout.LINE
    found = bytearray(tables.region("lb_images")[at : at + len(image())])
    header = list(layout.HEADER.unpack_from(found))
    for place in (4, 6, 14, 15, 17):  # of services, destinations, timeouts, links and options
        header[place] -= first
    layout.HEADER.pack_into(found, 0, *header)
    options = list(layout.OPTIONS.unpack_from(found, header[17] * layout.LINE))
    for place in (12, 14, 16):  # of mark rules, limits and NAT servers
        options[place] -= first
    layout.OPTIONS.pack_into(found, header[17] * layout.LINE, *options)
    for slot in range(header[5] + 1):
        line = (header[4] + slot) * layout.LINE
        service = list(layout.SERVICE.unpack_from(found, line))
        for place in (8, 9, 14):  # of its list, its look-up table and the one it has for floods
            service[place] -= first
        layout.SERVICE.pack_into(found, line, *service)
    return bytes(found)


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


def image_with(others: int) -> bytes:
    """Steer VIP:53 to a server that can not be reached, among other services."""
    beside = (service(destination(TWO), port=port) for port in range(1000, 1000 + others))
    told = setting(names(ForwardingMethod.DR), *beside).without_hop(ONE)
    return list(Steering().swaps(told))[-1].image


def run_many(descriptor: int, many: int) -> None:
    frame = bytes(udp())
    run = ffi.new("struct bpf_test_run_opts *")
    run.sz, run.repeat = ffi.sizeof(run[0]), many
    data, run.data_size_in = ffi.from_buffer(frame), len(frame)
    context = ffi.from_buffer(tc_context(Arrival(OUTSIDE, frame)))
    run.data_in, run.ctx_in, run.ctx_size_in = data, context, len(context)
    with inside():
        assert lib.bpf_prog_test_run_opts(descriptor, run) == 0


def test_no_packet_sees_two_images_while_they_are_swapped() -> None:
    """Packets are dropped all the while, since those that are stay as they are for the next run."""
    loaded = Programs.load(ProgramKind.TC, TableSizes(sets=1 << 10, image_lines=1024))
    images = image_with(1), image_with(40)
    assert len(images[0]) != len(images[1])
    loaded.swap(images[0])
    loaded.tables.shared.test_now = 1
    done, runs = threading.Event(), itertools.count()

    def run_on() -> None:
        while not done.is_set():
            run_many(loaded.descriptor, RUNS)
            next(runs)

    running = threading.Thread(target=run_on)
    running.start()
    for number in range(SWAPS):
        loaded.swap(images[number % 2])
    done.set()
    running.join()
    counted = {n: lib.lb_datapath_reason_count(loaded.tables.datapath, n) for n in range(lib.LB_REASON_COUNT)}
    met = {ffi.string(lib.lb_reason_name(n)): count for n, count in counted.items() if count}
    loaded.close()
    assert met == {b"DEST_UNRESOLVED": next(runs) * RUNS}
