# SPDX-License-Identifier: Apache-2.0
"""The eBPF programs as hosts: frames by BPF_PROG_TEST_RUN, in a namespace with the case's interfaces.

A program is loaded once per process, since the verifier takes half a second; its tables are emptied for each
case. The namespace has no name; it lives as long as this process holds its descriptor.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from director.datapath._native import ffi, lib

from director.datapath.programs import ProgramKind, Programs, Tables, TableSizes
from tests.packets.case import WHOLE, Answer, Arrival, Departure, Offload, Verdict
from tests.packets.network import INSIDE, INSIDE_MAC, OUTSIDE, OUTSIDE_MAC
from tests.packets.table_host import SEED, SETS, TableHost

ROOM = 1 << 16
HEADERS = 14 + 20  # Ethernet's and IP's
LINES = 1 << 12
EPOCH = 1_000_000  # time 0 would say that this is no test run
UNSEEN = 0xFFFFFFFF  # stands for a reason until a program gives one
VERDICTS = {
    ProgramKind.XDP: {1: Verdict.DROP, 2: Verdict.PASS, 4: Verdict.TRANSMIT},
    ProgramKind.TC: {2: Verdict.DROP, 0xFFFFFFFF: Verdict.PASS, 7: Verdict.TRANSMIT},
}
GROWN = {1: 28, 4: 20, 58: 48, 41: 40}
"""Bytes put before the packet in an ICMP error and in a tunnel, by the outer protocol."""


LIBC = ctypes.CDLL(None, use_errno=True)  # os.setns is Python 3.12's
CLONE_NEWNET = 0x40000000


class UnfitFrameError(AssertionError):
    """The kernel's test run can not be given this frame."""


@functools.cache
def namespace() -> int:
    """Make a namespace with both interfaces, a pair; a thread of its own does it, so that this one stays."""
    made: list[int] = []

    def enter_and_make() -> None:
        _checked(LIBC.unshare(CLONE_NEWNET))
        ip("link", "add", *end(OUTSIDE, OUTSIDE_MAC), "type", "veth", "peer", *end(INSIDE, INSIDE_MAC))
        for index in (OUTSIDE, INSIDE):
            ip("link", "set", f"if{index}", "up")
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))

    thread = threading.Thread(target=enter_and_make)
    thread.start()
    thread.join()
    return made[0]


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)


def end(index: int, mac: str) -> tuple[str, ...]:
    return "name", f"if{index}", "index", str(index), "address", mac


def _checked(result: int) -> None:
    assert result == 0, os.strerror(ctypes.get_errno())


@contextlib.contextmanager
def inside() -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked(LIBC.setns(namespace(), CLONE_NEWNET))
        yield
    finally:
        _checked(LIBC.setns(home, CLONE_NEWNET))
        os.close(home)


@functools.cache
def loaded(kind: ProgramKind, sets: int) -> Programs:
    return Programs.load(kind, TableSizes(sets, LINES, SEED))


def emptied(tables: Tables) -> Tables:
    """Make the tables as they were when they were new: place 0 stays nobody's."""
    nobody = tables.at("lb_conns", "struct lb_conn *")[0]
    busy = nobody.control
    lib.lb_datapath_zero(tables.datapath)
    for name in ("lb_conns", "lb_dests", "lb_services", "lb_shared"):
        ffi.memmove(tables.at(name, "char *"), bytes(len(tables.region(name))), len(tables.region(name)))
    nobody.control = busy
    return tables


class EbpfHost(TableHost):
    """One program; two hosts of a kind at the same time would share its tables."""

    def __init__(self, kind: ProgramKind, sets: int = SETS) -> None:
        self._kind = kind
        self._programs = loaded(kind, sets)
        self._tables = emptied(self._programs.tables)
        super().__init__(self._tables.datapath, EPOCH)
        self._out = ffi.new("uint8_t[]", ROOM)

    def handle(self, arrival: Arrival, now: int) -> Answer:
        self._now = now + EPOCH
        shared = self._tables.shared
        shared.test_now, shared.result_reason, shared.result_ifindex = self._now, UNSEEN, 0
        run = self._run(arrival)
        verdict = VERDICTS[self._kind][run.retval]
        frames: tuple[Departure, ...] = ()
        if verdict is Verdict.TRANSMIT:
            frame = bytes(ffi.buffer(self._out, run.data_size_out))
            frames = (Departure(frame, offload_of(frame, arrival.offload)),)
        reason = "not_ours" if shared.result_reason == UNSEEN else self._reason(shared.result_reason)
        return Answer(verdict, reason, shared.result_ifindex, frames)

    def _put_in_force(self, image: bytes) -> None:
        self._programs.swap(image)

    def _run(self, arrival: Arrival) -> Any:
        data = ffi.from_buffer(arrival.frame)
        context = ffi.from_buffer(CONTEXTS[self._kind](arrival))
        run = ffi.new("struct bpf_test_run_opts *")
        run.sz = ffi.sizeof(run[0])
        run.data_in, run.data_size_in = data, len(arrival.frame)
        run.data_out, run.data_size_out = self._out, ROOM
        run.ctx_in, run.ctx_size_in = context, len(context)
        with inside():
            failure = -lib.bpf_prog_test_run_opts(self._programs.descriptor, run)
        if failure == errno.EINVAL:
            raise UnfitFrameError(f"a test run takes no such frame: {len(arrival.frame)} bytes")
        assert not failure, os.strerror(failure)
        return run


def offload_of(frame: bytes, came: Offload) -> Offload:
    """Say what is still undone in a frame that leaves: what was undone when it came, wherever it is now."""
    if not came.checksum_start:
        return WHOLE
    return replace(
        came, checksum_start=came.checksum_start + GROWN.get(frame[20 if frame[14] >> 4 == 6 else 23], 0)
    )


def xdp_context(arrival: Arrival) -> bytes:
    """A struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex."""
    if arrival.offload != WHOLE:
        raise UnfitFrameError("a frame at the driver is whole")
    return struct.pack("=6I", 0, len(arrival.frame), 0, arrival.interface, 0, 0)


def tc_context(arrival: Arrival) -> bytes:
    """A struct __sk_buff of which nothing is said but the interface."""
    if len(arrival.frame) < HEADERS:
        raise UnfitFrameError("a test run takes no such frame: kernels differ in what headers they ask")
    if arrival.offload.segment_size:
        raise UnfitFrameError("a test run knows no kind of super-frame")
    return struct.pack("=40xI148x", arrival.interface)


CONTEXTS = {ProgramKind.XDP: xdp_context, ProgramKind.TC: tc_context}
