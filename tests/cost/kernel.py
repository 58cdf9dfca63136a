# SPDX-License-Identifier: Apache-2.0
"""A loaded program for the machine: its instructions, its maps, and the helpers that any program may call.

The instructions are those that libbpf gave the kernel, so maps are named by descriptor, and the tables are
the very memory that the program in the kernel has: what one of the two does, the other finds done. What
belongs to a frame is packet.py's.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from director.datapath._native import ffi, lib

from director.datapath.programs import Programs
from tests.cost.machine import U32, Helper, Instruction, Machine, Region, Tally
from tests.cost.packet import PACKETS, REDIRECT

LIBBPF = ctypes.CDLL("libbpf.so.1")
LIBBPF.bpf_program__insns.restype = ctypes.c_void_p
LIBBPF.bpf_program__insns.argtypes = [ctypes.c_void_p]
LIBBPF.bpf_program__insn_cnt.restype = ctypes.c_size_t
LIBBPF.bpf_program__insn_cnt.argtypes = [ctypes.c_void_p]
LOAD_ADDRESS, VALUE = 0x18, 2
MAPS = 1 << 32  # address of the map with descriptor 0; the others follow at this distance
TICK = 1_000_000  # ns


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did with a frame, and what it took."""

    verdict: int
    frame: bytes
    tally: Tally


class Loaded:
    """A program that the kernel has loaded, and that the machine can run as well."""

    def __init__(self, programs: Programs, macs: Mapping[int, bytes]) -> None:
        self._kind = programs.kind
        self._macs = macs  # of the interfaces
        self._instructions = _instructions(_code(programs))
        tables = programs.tables
        self._sizes = {fd: tables.sizes.entries()[name] for name, fd in tables.descriptors.items()}
        shared = [
            Region(_address(fd), memoryview(tables.region(name)), name)
            for name, fd in tables.descriptors.items()
        ]
        constants = [Region(_address(fd), _only_value(fd)) for fd in self._maps() - self._sizes.keys()]
        self._regions = (*shared, *constants)

    def run(self, frame: bytes, interface: int, now: int) -> Outcome:
        """Run the program for a frame that came by this interface, at a time in milliseconds."""
        packet = PACKETS[self._kind](frame, interface, self._macs[interface])
        helpers = {**packet.helpers(), **self._helpers(now)}
        machine = Machine(self._instructions, (*packet.regions, *self._regions), helpers)
        verdict = machine.run(packet.context)
        return Outcome(verdict & U32, packet.frame, machine.tally)

    def _maps(self) -> set[int]:
        return {
            one.immediate // MAPS - 1 for one in self._instructions if one.code == LOAD_ADDRESS and one.source
        }

    def _helpers(self, now: int) -> Mapping[int, Helper]:
        """What programs of any kind may call."""
        return {
            1: self._look_up,
            5: lambda _: now * TICK,
            7: lambda _: 4,  # chosen by fair dice roll
            8: lambda _: 0,
            23: lambda _: REDIRECT[self._kind],
            160: lambda _: now * TICK,
        }

    def _look_up(self, machine: Machine) -> int:
        table, key = machine.registers[1:3]
        entries, size = self._sizes[table // MAPS - 1]
        index = machine.load(key, 4)
        return table + index * size if index < entries else 0


def _code(programs: Programs) -> bytes:
    """Read what libbpf has given the kernel: the program, and behind it what it calls."""
    name = f"lb_{programs.kind.value}".encode()
    program = lib.bpf_object__find_program_by_name(programs._object, name)
    address = int(ffi.cast("uintptr_t", program))
    return ctypes.string_at(LIBBPF.bpf_program__insns(address), 8 * LIBBPF.bpf_program__insn_cnt(address))


def _instructions(code: bytes) -> tuple[Instruction, ...]:
    raw = tuple(struct.iter_unpack("<BBhi", code))
    found = []
    for n, (operation, registers, offset, immediate) in enumerate(raw):
        one = Instruction(operation, registers & 15, registers >> 4, offset, immediate)
        found.append(one if operation != LOAD_ADDRESS else _with_address(one, raw[n + 1][3]))
    return tuple(found)


def _with_address(one: Instruction, upper: int) -> Instruction:
    """Name a map by its address in the machine; anything else is a constant in two halves."""
    if not one.source:
        return replace(one, immediate=(upper & U32) << 32 | one.immediate & U32)
    return replace(one, immediate=_address(one.immediate) + (upper if one.source == VALUE else 0))


def _address(descriptor: int) -> int:
    return MAPS * (1 + descriptor)


def _only_value(descriptor: int) -> memoryview:
    """Copy the value of a map that has constants or variables of the program's."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
    size = next(int(line.split()[1]) for line in lines if line.startswith("value_size:"))
    value = ffi.new("char[]", size)
    assert lib.bpf_map_lookup_elem(descriptor, ffi.new("uint32_t *", 0), value) == 0
    return memoryview(bytearray(ffi.buffer(value)))
