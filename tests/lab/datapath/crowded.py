# SPDX-License-Identifier: Apache-2.0
"""Programs in a crowd: every CPU runs them on packets of the same few flows; then the tables are looked at.

The programs are the data paths' own, fed with random packets by crowd/crowd.h, which also judges what leaves.
Nothing here knows how entries are searched for; what an entry says is read through the C library.
"""

from __future__ import annotations

import itertools
import os
import secrets
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress

from cost import network
from cost.network import INTERFACE, MAC, MTU
from cost.subject import CONTEXTS
from director.datapath.programs import ProgramKind, Programs, TableSizes
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    Timeouts,
    VirtualService,
)
from director.tables.image import compile_image

SOURCES = Path(__file__).parent / "crowd"
CPUS_SEEN, CPU, SETTINGS = 64, "=3QI36x", "=2I56x"  # of crowd.h
FRAME = (
    MAC.packed + bytes(6) + b"\x08\x00" + bytes(50)
)  # who it is for, and that it is IP; the programs write the rest
RUNS = 40_000  # packets of one test run
VIP, OWN = IPAddress("192.0.2.1"), IPAddress("10.0.0.1")
MEMBERS, SERVER_PORT = 4, 5353
LINES = 256
GROUPS = {Protocol.UDP: (2, 53), Protocol.TCP: (3, 80)}
TIMEOUTS = Timeouts(tcp_established=20, tcp_fin_wait=5, tcp_time_wait=5, udp=10)  # seconds
ACTIVE = {"ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYNACK"}  # kernel IPVS's ActiveConn


def image(method: ForwardingMethod, scheduler: Scheduler, heavy: int = 0) -> bytes:
    """Compile two services of four servers each, of which one weighs more."""
    services, hops = [], {}
    for protocol, (group, port) in GROUPS.items():
        addresses = [IPAddress(f"10.0.{group}.{1 + n}") for n in range(MEMBERS)]
        servers = tuple(
            Destination(address, SERVER_PORT if method is ForwardingMethod.NAT else port, method,
                        weight=2 if number == heavy else 1)
            for number, address in enumerate(addresses)
        )  # fmt: skip
        services.append(VirtualService(ServiceKey(protocol, VIP, port), scheduler, destinations=servers))
        for n, address in enumerate(addresses):
            hop = EUI(f"02-00-00-00-{group:02x}-{1 + n:02x}")
            hops[address] = NextHop(INTERFACE, MAC, hop, OWN, MTU)
    link = Link(INTERFACE, "near", MAC, MTU, up=True)
    return compile_image(Configuration(tuple(services), timeouts=TIMEOUTS), hops, links=(link,))


@dataclass(frozen=True, slots=True)
class Key:
    """What an entry is found by."""

    fragment: bool
    protocol: int
    ends: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A taken place of the connection table."""

    index: int
    kind: int
    state: int
    expires: int
    dest: int
    peer: int
    key: Key


class Crowd:
    """Both kinds of programs over the same tables, with the clock in the test's hand."""

    def __init__(self, sizes: TableSizes, room: Path, method: ForwardingMethod, scheduler: Scheduler) -> None:
        self.method = method
        self.images = tuple(image(method, scheduler, heavy) for heavy in (0, 1))
        self._first = Programs.load(ProgramKind.XDP, sizes, room)
        self._second = self._first.beside(ProgramKind.TC, room)
        self.programs = (self._first, self._second)
        self.tables = self._first.tables
        self.datapath = self.tables.datapath
        self.clock = 1_000_000
        self.tables.shared.test_now = self.clock
        self._first.swap(self.images[0])

    def close(self) -> None:
        self._second.close()
        self._first.close()

    def pass_time(self, milliseconds: int) -> None:
        self.clock += milliseconds
        self.tables.shared.test_now = self.clock

    def gather(self, flows: int) -> None:
        """Give the crowd this many flows, and each CPU its own packets of them, as fast as it can."""
        self._gather(flows, {cpu: (secrets.randbits(64) | 1, cpu) for cpu in cpus()})

    def gather_in_step(self, flows: int) -> None:
        """Let every CPU send the same packets at the same time as the next."""
        seed, here = secrets.randbits(64) | 1, cpus()
        self._gather(flows, {cpu: (seed, here[(n + 1) % len(here)]) for n, cpu in enumerate(here)})

    def _gather(self, flows: int, paces: Mapping[int, tuple[int, int]]) -> None:
        settings = struct.pack(SETTINGS, flows, self.method is ForwardingMethod.NAT)
        every = (paces.get(cpu, (1, cpu)) for cpu in range(CPUS_SEEN))
        settings += b"".join(struct.pack(CPU, seed, 0, 0, pace) for seed, pace in every)
        for programs in self.programs:
            key, value = ffi.new("uint32_t *", 0), ffi.from_buffer(settings)
            assert lib.bpf_map_update_elem(programs.map(".data.crowd"), key, value, 0) == 0

    def judged(self) -> int:
        """Return how many packets left in a wrong way since the crowd gathered."""
        wrong = 0
        for programs in self.programs:
            out = ffi.new(f"char[{struct.calcsize(SETTINGS) + CPUS_SEEN * struct.calcsize(CPU)}]")
            assert lib.bpf_map_lookup_elem(programs.map(".data.crowd"), ffi.new("uint32_t *", 0), out) == 0
            cpus_of = struct.iter_unpack(CPU, bytes(ffi.buffer(out))[struct.calcsize(SETTINGS) :])
            wrong += sum(cpu[1] for cpu in cpus_of)
        return wrong

    def run(self, programs: Programs, packets: int) -> None:
        context = ffi.from_buffer(CONTEXTS[programs.kind])
        run = ffi.new("struct bpf_test_run_opts *")
        run.sz, run.repeat = ffi.sizeof(run[0]), packets
        data, run.data_size_in = ffi.from_buffer(FRAME), len(FRAME)
        run.data_in, run.ctx_in, run.ctx_size_in = data, context, len(context)
        assert lib.bpf_prog_test_run_opts(programs.descriptor, run) == 0, os.strerror(ffi.errno)

    def reasons(self) -> dict[str, int]:
        counted = {n: lib.lb_datapath_reason_count(self.datapath, n) for n in range(lib.LB_REASON_COUNT)}
        return {ffi.string(lib.lb_reason_name(n)).decode(): count for n, count in counted.items() if count}

    def entries(self) -> tuple[Entry, ...]:
        """Read every place but the first, which is nobody's, that holds or held something."""
        conns = self.tables.at("lb_conns", "struct lb_conn *")
        places = range(1, self.tables.sizes.sets * lib.LB_WAYS)
        return tuple(_entry(i, conns[i]) for i in places if conns[i].control)

    def alive(self) -> tuple[Entry, ...]:
        """Return the entries in force; a REPLY lives as long as its flow."""
        every = {entry.index: entry for entry in self.entries()}
        return tuple(entry for entry in every.values() if self._lives(entry, every))

    def _lives(self, entry: Entry, every: dict[int, Entry]) -> bool:
        if entry.kind == lib.LB_CONN_REPLY:
            flow = every.get(entry.peer)
            return flow is not None and flow.kind == lib.LB_CONN_FLOW and flow.peer == entry.index and \
                self._lives(flow, every)  # fmt: skip
        return entry.kind > lib.LB_CONN_BUSY and entry.expires > self.clock

    def counts(self) -> dict[int, tuple[int, int]]:
        """Return what is counted for each destination: active and inactive connections."""
        states = {n: lib.lb_datapath_dest_state(self.datapath, n) for n in range(2 * MEMBERS + 2)}
        found = {n: (state.active, state.inactive) for n, state in states.items()}
        return {n: both for n, both in found.items() if any(both)}


def _entry(index: int, conn: Any) -> Entry:
    ends = bytes(ffi.buffer(ffi.addressof(conn, "caddr"), 16)) + bytes(
        ffi.buffer(ffi.addressof(conn, "vaddr"), 16)
    )
    kind = conn.control & 0xFF
    key = Key(kind == lib.LB_CONN_FRAGMENT, conn.protocol, ends + struct.pack("=2H", conn.cport, conn.vport))
    state = lib.lb_conn_state_of(ffi.addressof(conn))
    return Entry(index, kind, state, conn.expires, conn.dest, conn.peer, key)


@contextmanager
def crowd(room: Path, sets: int, method: ForwardingMethod, scheduler: Scheduler) -> Iterator[Crowd]:
    """Load the programs that were compiled into this room."""
    made = Crowd(TableSizes(sets=sets, image_lines=LINES), room, method, scheduler)
    try:
        yield made
    finally:
        made.close()


def cpus() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))


Turns = Sequence[Programs]
"""What a CPU runs, one after the other, RUNS packets each."""


def together(made: Crowd, turns: Callable[[int], Turns], meanwhile: Callable[[int], None]) -> int:
    """Let each CPU, the n-th, take its turns, and do something meanwhile; return how many packets ran."""
    here = cpus()
    start = threading.Barrier(len(here))

    def take_part(number: int) -> int:
        os.sched_setaffinity(threading.get_native_id(), {here[number]})
        network.enter()
        start.wait()
        for programs in turns(number):
            made.run(programs, RUNS)
        return RUNS * len(turns(number))

    with ThreadPoolExecutor(len(here)) as pool:
        parts = [pool.submit(take_part, number) for number in range(len(here))]
        turn = itertools.count()
        while not all(part.done() for part in parts):
            meanwhile(next(turn))
        return sum(part.result() for part in parts)


def repeated(keys: Sequence[Key]) -> list[Key]:
    return [key for key, many in Counter(keys).items() if many > 1]
