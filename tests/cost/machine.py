# SPDX-License-Identifier: Apache-2.0
"""A machine that runs an eBPF program one instruction after the other, and counts.

A kernel's test run tells nanoseconds, and a processor's counters are missing in many virtual machines; how
many instructions a packet takes depends on neither. The machine knows the instructions that clang makes for
`-mcpu=v3` (RFC 9669), and checks no more than it stumbles over: the kernel's verifier has taken the program
before. Nothing here knows helpers or packets: kernel.py and packet.py do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

U64 = (1 << 64) - 1
U32 = (1 << 32) - 1
STACK, FRAME = 0x7000_0000, 512  # of the outermost function; those that it calls have theirs below
REGION_BITS = 32  # an address's upper half tells the region
SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
FORMATS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
LINE = 64
PSEUDO_CALL = 1

Helper = Callable[["Machine"], int]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One of 64 bits; `immediate` of one of 128 bits is the address that it loads."""

    code: int
    destination: int
    source: int
    offset: int
    immediate: int


@dataclass(slots=True)
class Tally:
    """What a run took."""

    instructions: int = 0
    helpers: int = 0
    lines: set[tuple[str, int]] = field(default_factory=set)
    """Cache lines of the tables, by region, that were looked at."""


@dataclass(frozen=True, slots=True)
class Region:
    """Memory that begins at an address; what is counted of it has a name."""

    base: int
    memory: memoryview
    name: str = ""


class Machine:
    """The registers, the memory and the tally of one run."""

    def __init__(
        self, program: tuple[Instruction, ...], regions: tuple[Region, ...], helpers: Mapping[int, Helper]
    ) -> None:
        self._program = program
        self._helpers = helpers
        stack = Region(STACK, memoryview(bytearray(8 * FRAME)))
        self._regions = (stack, *regions)
        self.registers = [0] * 11
        self.tally = Tally()

    def run(self, context: int) -> int:
        """Run with this in register 1, and return what is in register 0 at the end."""
        self.registers[1], self.registers[10] = context, STACK + 8 * FRAME
        callers: list[tuple[int, list[int]]] = []
        at = 0
        while True:
            one = self._program[at]
            self.tally.instructions += 1
            at += 1
            if one.code == 0x95:
                if not callers:
                    return self.registers[0]
                at, kept = callers.pop()
                self.registers[6:11] = kept
            elif one.code == 0x85 and one.source == PSEUDO_CALL:
                callers.append((at, self.registers[6:11]))
                self.registers[10] -= FRAME
                at += one.immediate
            elif one.code == 0x85:
                self.tally.helpers += 1
                self.registers[0] = self._helpers[one.immediate](self) & U64
            elif one.code & 7 in (5, 6):
                at += self._jump(one)
            else:
                at += self._step(one)

    def read(self, address: int, size: int) -> bytes:
        memory, offset = self._find(address, size)
        return bytes(memory[offset : offset + size])

    def write(self, address: int, value: bytes) -> None:
        memory, offset = self._find(address, len(value))
        memory[offset : offset + len(value)] = value

    def load(self, address: int, size: int) -> int:
        return int(struct.unpack(FORMATS[size], self.read(address, size))[0])

    def store(self, address: int, size: int, value: int) -> None:
        self.write(address, struct.pack(FORMATS[size], value & ((1 << 8 * size) - 1)))

    def _find(self, address: int, size: int) -> tuple[memoryview, int]:
        for region in self._regions:
            offset = address - region.base
            if 0 <= offset <= len(region.memory) - size:
                if region.name:
                    self.tally.lines.add((region.name, offset // LINE))
                return region.memory, offset
        raise IndexError(f"{size} bytes at {address:#x} are nowhere")

    def _step(self, one: Instruction) -> int:
        """Take an instruction that goes on to the next, or to the one behind it."""
        kind = one.code & 7
        target = self.registers[one.destination]
        if kind == 0:
            self.registers[one.destination] = one.immediate
            return 1
        if kind == 1:
            self.registers[one.destination] = self.load(
                self.registers[one.source] + one.offset, SIZES[one.code & 0x18]
            )
        elif kind == 2:
            self.store(target + one.offset, SIZES[one.code & 0x18], one.immediate)
        elif kind == 3 and one.code & 0xE0 == 0xC0:
            self._atomic(one, target + one.offset, SIZES[one.code & 0x18])
        elif kind == 3:
            self.store(target + one.offset, SIZES[one.code & 0x18], self.registers[one.source])
        else:
            self.registers[one.destination] = self._compute(one, target)
        return 0

    def _compute(self, one: Instruction, target: int) -> int:
        wide = one.code & 7 == 7
        operation, bits = one.code & 0xF0, 64 if wide else 32
        operand = self.registers[one.source] if one.code & 8 else one.immediate
        if operation == 0xD0:
            swapped = target.to_bytes(8, "little")[: one.immediate // 8]
            return int.from_bytes(swapped, "big" if one.code & 8 else "little")
        mask = (1 << bits) - 1
        return ARITHMETIC[operation](target & mask, operand & mask, bits) & mask

    def _jump(self, one: Instruction) -> int:
        wide = one.code & 7 == 5
        mask, bits = (U64, 64) if wide else (U32, 32)
        if one.code & 0xF0 == 0:
            return one.offset
        left = self.registers[one.destination] & mask
        right = (self.registers[one.source] if one.code & 8 else one.immediate) & mask
        return one.offset if CONDITIONS[one.code & 0xF0](left, right, bits) else 0

    def _atomic(self, one: Instruction, address: int, size: int) -> None:
        old, given = self.load(address, size), self.registers[one.source]
        operation = one.immediate
        if operation == 0xF1:  # compare with register 0 and exchange
            if old == self.registers[0] & ((1 << 8 * size) - 1):
                self.store(address, size, given)
            self.registers[0] = old
            return
        self.store(address, size, given if operation == 0xE1 else ATOMICS[operation & 0xF0](old, given))
        if operation & 1:
            self.registers[one.source] = old


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


ARITHMETIC: Mapping[int, Callable[[int, int, int], int]] = {
    0x00: lambda a, b, _: a + b,
    0x10: lambda a, b, _: a - b,
    0x20: lambda a, b, _: a * b,
    0x30: lambda a, b, _: a // b if b else 0,
    0x40: lambda a, b, _: a | b,
    0x50: lambda a, b, _: a & b,
    0x60: lambda a, b, bits: a << (b % bits),
    0x70: lambda a, b, bits: a >> (b % bits),
    0x80: lambda a, _, __: -a,
    0x90: lambda a, b, _: a % b if b else a,
    0xA0: lambda a, b, _: a ^ b,
    0xB0: lambda _, b, __: b,
    0xC0: lambda a, b, bits: signed(a, bits) >> (b % bits),
}

CONDITIONS: Mapping[int, Callable[[int, int, int], bool]] = {
    0x10: lambda a, b, _: a == b,
    0x20: lambda a, b, _: a > b,
    0x30: lambda a, b, _: a >= b,
    0x40: lambda a, b, _: bool(a & b),
    0x50: lambda a, b, _: a != b,
    0x60: lambda a, b, bits: signed(a, bits) > signed(b, bits),
    0x70: lambda a, b, bits: signed(a, bits) >= signed(b, bits),
    0xA0: lambda a, b, _: a < b,
    0xB0: lambda a, b, _: a <= b,
    0xC0: lambda a, b, bits: signed(a, bits) < signed(b, bits),
    0xD0: lambda a, b, bits: signed(a, bits) <= signed(b, bits),
}

ATOMICS: Mapping[int, Callable[[int, int], int]] = {
    0x00: lambda old, given: old + given,
    0x40: lambda old, given: old | given,
    0x50: lambda old, given: old & given,
    0xA0: lambda old, given: old ^ given,
}
