# SPDX-License-Identifier: Apache-2.0
"""A frame and its context as a program sees them, and the helpers that change it.

They do what the kernel's do to a frame of one piece with whole checksums, in the calls that the director's
programs make; test_machine.py compares what comes of them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType

from director.datapath.programs import ProgramKind
from tests.cost.machine import Helper, Machine, Region, signed

CONTEXT, BUFFER = 0x1000, 0x10_0000
HEADROOM, ROOM = 256, 4096
ETHERNET = 14
BROADCAST = bytes.fromhex("ffffffffffff")
MANGLED_0 = 1 << 5  # of an l4_csum_replace: a checksum of 0 is none (UDP)
REDIRECT: Mapping[ProgramKind, int] = MappingProxyType({ProgramKind.XDP: 4, ProgramKind.TC: 7})
FAILED = -1


class Packet:
    """A frame with room before and behind it. `context` is the address of what tells the program of it."""

    context = CONTEXT
    context_size = 24

    def __init__(self, frame: bytes, interface: int, mac: bytes) -> None:
        self._buffer = bytearray(HEADROOM) + frame + bytes(ROOM - len(frame))
        self._context = bytearray(self.context_size)
        self._start, self._end = HEADROOM, HEADROOM + len(frame)
        self.interface = interface
        self.for_whom = addressed(frame[:6], mac)
        self.regions = (Region(CONTEXT, memoryview(self._context)), Region(BUFFER, memoryview(self._buffer)))
        self.tell()

    @property
    def frame(self) -> bytes:
        return bytes(self._buffer[self._start : self._end])

    def helpers(self) -> Mapping[int, Helper]:
        """Return this kind's own helpers by their numbers."""
        raise AssertionError("a kind of packet has helpers")

    def tell(self) -> None:
        """Write the context."""
        raise AssertionError("a kind of packet has a context")

    def resize(self, front: int, back: int) -> int:
        """Add so many bytes before and behind the frame, or take them away: 0, or an error."""
        start, end = self._start - front, self._end + back
        if start < 0 or end > len(self._buffer) or end - start < ETHERNET:
            return FAILED
        self._start, self._end = start, end
        self.tell()
        return 0

    def bounds(self) -> tuple[int, int]:
        return BUFFER + self._start, BUFFER + self._end


class XdpPacket(Packet):
    """A frame at the driver: a struct xdp_md. `_metadata` is the length of what stands before it."""

    def __init__(self, frame: bytes, interface: int, mac: bytes) -> None:
        self._metadata = 0
        super().__init__(frame, interface, mac)

    def helpers(self) -> Mapping[int, Helper]:
        return {
            44: lambda machine: self.resize(-signed(machine.registers[2] & 0xFFFFFFFF, 32), 0),  # adjust_head
            54: self._adjust_metadata,
            65: lambda machine: self.resize(0, signed(machine.registers[2] & 0xFFFFFFFF, 32)),  # adjust_tail
        }

    def tell(self) -> None:
        start, end = self.bounds()
        fields = start, end, start - self._metadata, self.interface, 0, 0
        struct.pack_into("<6I", self._context, 0, *fields)

    def _adjust_metadata(self, machine: Machine) -> int:
        length = self._metadata - signed(machine.registers[2] & 0xFFFFFFFF, 32)
        if not 0 <= length <= self._start or length % 4:
            return FAILED
        self._metadata = length
        self.tell()
        return 0


class TcPacket(Packet):
    """A packet buffer: a struct __sk_buff."""

    context_size = 192

    def __init__(self, frame: bytes, interface: int, mac: bytes) -> None:
        self._protocol = frame[12:14]
        super().__init__(frame, interface, mac)

    def helpers(self) -> Mapping[int, Helper]:
        return {
            9: self._store_bytes,
            11: self._replace_checksum,
            26: self._load_bytes,
            38: lambda machine: self.resize(0, machine.registers[2] - len(self.frame)),  # change_tail
            39: lambda _: 0,  # pull_data: it is in one piece
            43: lambda machine: self.resize(machine.registers[2], 0),  # change_head
            50: self._adjust_room,
        }

    def tell(self) -> None:
        start, end = self.bounds()
        struct.pack_into("<II8x2s", self._context, 0, end - start, self.for_whom, self._protocol)
        struct.pack_into("<I32xII", self._context, 40, self.interface, start, end)

    def _at(self, offset: int) -> int:
        return self.bounds()[0] + offset

    def _load_bytes(self, machine: Machine) -> int:
        offset, to, size = machine.registers[2:5]
        if offset + size > len(self.frame):
            return FAILED
        machine.write(to, machine.read(self._at(offset), size))
        return 0

    def _store_bytes(self, machine: Machine) -> int:
        offset, given, size = machine.registers[2:5]
        machine.write(self._at(offset), machine.read(given, size))
        return 0

    def _adjust_room(self, machine: Machine) -> int:
        """Make room between Ethernet's header and the packet."""
        size = signed(machine.registers[2] & 0xFFFFFFFF, 32)
        header = self.frame[:ETHERNET]
        if self.resize(size, 0):
            return FAILED
        machine.write(self._at(0), header)
        return 0

    def _replace_checksum(self, machine: Machine) -> int:
        offset, old, new, flags = machine.registers[2:6]
        checksum = machine.load(self._at(offset), 2)
        if flags & MANGLED_0 and checksum == 0:
            return 0
        total = (~checksum & 0xFFFF) + sum(map(_folded, (~old & 0xFFFFFFFF, new & 0xFFFFFFFF)))
        changed = ~_folded(total) & 0xFFFF
        machine.store(self._at(offset), 2, changed or (0xFFFF if flags & MANGLED_0 else 0))
        return 0


def addressed(destination: bytes, mac: bytes) -> int:
    """Tell for whom a frame is, as skb->pkt_type does: 0 for the interface itself."""
    if destination[0] & 1:
        return 1 if destination == BROADCAST else 2
    return 0 if destination == mac else 3


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


PACKETS: Mapping[ProgramKind, type[Packet]] = MappingProxyType(
    {ProgramKind.XDP: XdpPacket, ProgramKind.TC: TcPacket}
)
