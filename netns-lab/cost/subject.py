# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured: compiled with the walk in them, loaded with a director's tables, run."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from director.datapath._native import ffi, lib

from cost.network import INTERFACE
from cost.walk import FRAME
from director.datapath.programs import ProgramKind, Programs, TableSizes
from lab import LabError

ROOM = Path(__file__).parent
# As setup.py compiles the data paths' own objects.
COMPILE = (
    "clang",
    "-O2",
    "-g",
    "-target",
    "bpf",
    "-mcpu=v3",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
)
LONGEST = 2048
STATE = ("lb_conns", "lb_dests", "lb_services")
REDIRECT: Mapping[ProgramKind, int] = MappingProxyType({ProgramKind.XDP: 4, ProgramKind.TC: 7})
CONTEXTS: Mapping[ProgramKind, bytes] = MappingProxyType(
    {
        ProgramKind.XDP: struct.pack("=6I", 0, FRAME, 0, INTERFACE, 0, 0),  # a struct xdp_md
        ProgramKind.TC: struct.pack("=40xI148x", INTERFACE),  # a struct __sk_buff
    }
)


@contextmanager
def objects(sources: Path = ROOM) -> Iterator[Path]:
    """Compile the programs in this directory, one of each kind, and return the objects' directory."""
    triplet = subprocess.run(("gcc", "-print-multiarch"), capture_output=True, text=True, check=True)
    headers = f"-I/usr/include/{triplet.stdout.strip()}"  # of <asm/types.h>, which Debian keeps apart
    with tempfile.TemporaryDirectory(prefix="director-cost-") as directory:
        for kind in ProgramKind:
            source, target = sources / f"{kind.value}.bpf.c", f"{directory}/{kind.value}.bpf.o"
            command = (*COMPILE, headers, "-c", str(source), "-o", target)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LabError(f"{source} could not be compiled: {done.stderr.strip()}")
        yield Path(directory)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a test run: nanoseconds a packet, the last one's verdict, and the frame as it left it."""

    cost: float
    verdict: int
    frame: bytes


class Subject:
    """The measuring programs of one kind with tables of their own."""

    def __init__(self, kind: ProgramKind, sizes: TableSizes, room: Path) -> None:
        self.kind = kind
        self._programs = Programs.load(kind, sizes, room)
        self.tables = self._programs.tables
        self.measured = self._programs.descriptor
        self.reference = self._programs.program("cost_reference")
        self.growth = self._programs.program("cost_growth")
        self._walk = self._programs.map(".data.walk")
        self._frame = bytes(FRAME)
        self._nobody: int = self._first().control

    def close(self) -> None:
        self._programs.close()

    def configure(self, image: bytes) -> None:
        """Forget everything, and put a table image in force."""
        self.forget()
        self._programs.swap(image)

    def forget(self) -> None:
        """Empty the connection table and the schedulers' state. Place 0 stays nobody's."""
        for name in STATE:
            size = len(self.tables.region(name))
            ffi.memmove(self.tables.at(name, "char *"), bytes(size), size)
        self._first().control = self._nobody

    def walk(self, state: bytes) -> None:
        """Begin a walk."""
        key, value = ffi.new("uint32_t *", 0), ffi.from_buffer(state)
        if lib.bpf_map_update_elem(self._walk, key, value, 0) < 0:
            raise LabError(f"the walk could not be set: {os.strerror(ffi.errno)}")
        self._frame = state[:FRAME]

    def run(self, program: int, packets: int) -> Run:
        """Run a program for so many packets."""
        context, out = ffi.from_buffer(CONTEXTS[self.kind]), ffi.new("uint8_t[]", LONGEST)
        run = ffi.new("struct bpf_test_run_opts *")
        run.sz, run.repeat = ffi.sizeof(run[0]), packets
        data, run.data_size_in = ffi.from_buffer(self._frame), FRAME
        run.data_in, run.data_out, run.data_size_out = data, out, LONGEST
        run.ctx_in, run.ctx_size_in = context, len(context)
        if lib.bpf_prog_test_run_opts(program, run) < 0:
            raise LabError(f"no test run of the {self.kind.value} program: {os.strerror(ffi.errno)}")
        return Run(run.duration, run.retval, bytes(ffi.buffer(out, run.data_size_out)))

    def reasons(self) -> dict[str, int]:
        """Return how many packets ended for which reason since the programs were loaded."""
        counted = {
            n: lib.lb_datapath_reason_count(self.tables.datapath, n) for n in range(lib.LB_REASON_COUNT)
        }
        names = {n: ffi.string(lib.lb_reason_name(n)).decode().lower() for n in counted}
        return {names[n]: count for n, count in counted.items() if count}

    def _first(self) -> Any:
        return self.tables.at("lb_conns", "struct lb_conn *")[0]
