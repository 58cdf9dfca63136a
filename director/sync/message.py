# SPDX-License-Identifier: Apache-2.0
"""The datagrams by which directors tell each other of connections, as kernel IPVS writes and reads them.

A datagram has a header and entries. The header's first byte is 0 in version 1, and the number of entries in
version 0, which kernels before 2.6.39 spoke; that one is read, never written. All numbers are in network
order, and each entry begins at a multiple of four bytes:

    header    0, syncid, size (2), entries, version 1, 0 (2)
    entry     type, protocol, version and size (2), flags (4), state (2), client's, virtual and destination's
              port (2 each), firewall mark (4), timeout in seconds (4), the three addresses, options
    option    kind, length, bytes

Anybody can send such a datagram, so whatever arrives is read up to the first entry of which it can not be
told where it ends; one whose options can not be heeded is passed over. The sentence that says what was wrong
first is part of the answer: nothing raises. Addresses and ports stay as they are
on the wire: a backup enters tens of thousands of entries in a second. Knows no socket, service or table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag
from functools import partial

VERSION = 1
MAX_ENTRIES = 255
MAX_LENGTH = 65535
MAX_ENTRY = 0xFFF
IPV6 = 1  # the bit of an entry's type
OPTIONAL = 1 << 6  # the bit of an option's kind: who does not know it may go on

_HEADER = struct.Struct("!BBHBBH")
_HEAD_0 = struct.Struct("!BBH")
_FIXED = struct.Struct("!BBHIHHHHII")
_ENTRY_0 = struct.Struct("!BBHHH4s4s4sHH")
_SEQUENCES = 24
_VERSION_SHIFT = 12


class Flags(IntFlag):
    """What is said of a connection, under the kernel's names. The method is in the lowest three bits."""

    NAT = 0
    LOCAL = 1
    TUNNEL = 2
    DIRECT = 3
    BYPASS = 4
    METHOD = 7
    SYNC = 0x20
    HASHED = 0x40
    NO_OUTPUT = 0x80
    INACTIVE = 0x100
    OUT_SEQUENCE = 0x200
    IN_SEQUENCE = 0x400
    NO_CLIENT_PORT = 0x800
    TEMPLATE = 0x1000
    ONE_PACKET = 0x2000


KNOWN_FLAGS = (
    Flags.METHOD
    | Flags.NO_OUTPUT
    | Flags.INACTIVE
    | Flags.OUT_SEQUENCE
    | Flags.IN_SEQUENCE
    | Flags.NO_CLIENT_PORT
    | Flags.TEMPLATE
)
"""Those that a backup heeds."""


class OptionKind:
    """What an option tells; OPTIONAL may be added to it."""

    SEQUENCES = 1
    ENGINE_DATA = 2
    ENGINE_NAME = 3


LENGTHS = {
    OptionKind.SEQUENCES: range(_SEQUENCES, _SEQUENCES + 1),
    OptionKind.ENGINE_DATA: range(1, 256),
    OptionKind.ENGINE_NAME: range(1, 17),
}


@dataclass(frozen=True, slots=True)
class Option:
    """What is told beside a connection: TCP sequence numbers, or of a persistence engine."""

    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection or template. Addresses are four or sixteen bytes, all alike; ports are numbers."""

    protocol: int
    flags: int
    state: int
    cport: int
    vport: int
    dport: int
    fwmark: int
    timeout: int
    caddr: bytes
    vaddr: bytes
    daddr: bytes
    options: tuple[Option, ...] = ()

    @property
    def is_template(self) -> bool:
        return bool(self.flags & Flags.TEMPLATE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a datagram says, and the first `fault` in it. `syncid` None: it has no header."""

    syncid: int | None = None
    version: int = VERSION
    entries: tuple[Entry, ...] = ()
    fault: str = ""


class _FaultError(Exception):
    """What follows can not be read; never leaves this module."""


class _Passed(str):
    """Why an entry is passed over."""

    __slots__ = ()


def read(datagram: bytes) -> Reading:
    """Read a datagram, whatever is in it."""
    entries: list[Entry] = []
    faults: list[str] = []
    if len(datagram) < _HEAD_0.size:
        return Reading(fault=f"{len(datagram)} bytes are no header")
    count, syncid, size = _HEAD_0.unpack_from(datagram)
    version = VERSION if count == 0 else 0
    try:
        for each in _read_1(datagram, size) if version else _read_0(datagram, count, size):
            if isinstance(each, Entry):
                entries.append(each)
            else:
                faults.append(each)
    except _FaultError as fault:
        faults.append(str(fault))
    return Reading(syncid, version, tuple(entries), faults[0] if faults else "")


def _read_1(datagram: bytes, size: int) -> Iterator[Entry | _Passed]:
    if len(datagram) < _HEADER.size:
        raise _FaultError(f"{len(datagram)} bytes are no header")
    _check_size(datagram, size)
    count, version, spare = _HEADER.unpack_from(datagram)[3:]
    if version != VERSION or spare:
        raise _FaultError(f"version {version} is not known")
    at = _HEADER.size
    for _ in range(count):
        entry, length = _entry(datagram, at)
        yield entry
        at += -(-length // 4) * 4


def _check_size(datagram: bytes, size: int) -> None:
    if size != len(datagram):
        raise _FaultError(f"it says that it has {size} bytes, and has {len(datagram)}")


def _entry(datagram: bytes, at: int) -> tuple[Entry | _Passed, int]:
    """Read the entry at this offset, and how long it says that it is."""
    if at + _FIXED.size > len(datagram):
        raise _FaultError(f"an entry at byte {at} is cut short")
    kind, protocol, length, flags, state, cport, vport, dport, fwmark, timeout = _FIXED.unpack_from(
        datagram, at
    )
    if length >> _VERSION_SHIFT:
        raise _FaultError(f"an entry of version {length >> _VERSION_SHIFT} at byte {at}")
    octets = 16 if kind & IPV6 else 4
    start = at + _FIXED.size
    first_option, end = start + 3 * octets, at + length
    if not first_option <= end <= len(datagram):
        raise _FaultError(f"an entry at byte {at} says that it has {length} bytes")
    options = _options(datagram[first_option:end]) if first_option < end else ()
    if isinstance(options, _Passed):
        return options, length
    entry = Entry(
        protocol,
        flags,
        state,
        cport,
        vport,
        dport,
        fwmark,
        timeout,
        datagram[start : start + octets],
        datagram[start + octets : start + 2 * octets],
        datagram[start + 2 * octets : first_option],
        options,
    )
    return entry, length


def _options(raw: bytes) -> tuple[Option, ...] | _Passed:
    at, found = 0, list[Option]()
    seen = set[int]()
    while at < len(raw):
        if at + 2 > len(raw) or raw[at + 1] == 0 or at + 2 + raw[at + 1] > len(raw):
            return _Passed("an option is cut short")
        kind, data = raw[at], raw[at + 2 : at + 2 + raw[at + 1]]
        lengths = LENGTHS.get(kind & ~OPTIONAL)
        if lengths is None and not kind & OPTIONAL:
            return _Passed(f"option {kind} is not known")
        if lengths is not None and (len(data) not in lengths or kind & ~OPTIONAL in seen):
            return _Passed(f"option {kind} has {len(data)} bytes, or is there twice")
        seen.add(kind & ~OPTIONAL)
        found.append(Option(kind, data))
        at += 2 + len(data)
    return tuple(found)


def _read_0(datagram: bytes, count: int, size: int) -> Iterator[Entry]:
    _check_size(datagram, size)
    at = _HEAD_0.size
    for _ in range(count):
        if at + _ENTRY_0.size > len(datagram):
            raise _FaultError(f"an entry at byte {at} is cut short")
        _, protocol, cport, vport, dport, caddr, vaddr, daddr, flags, state = _ENTRY_0.unpack_from(
            datagram, at
        )
        at += _ENTRY_0.size
        options: tuple[Option, ...] = ()
        if flags & (Flags.OUT_SEQUENCE | Flags.IN_SEQUENCE):
            if at + _SEQUENCES > len(datagram):
                raise _FaultError(f"sequence numbers at byte {at} are cut short")
            options = (Option(OptionKind.SEQUENCES, datagram[at : at + _SEQUENCES]),)
            at += _SEQUENCES
        yield Entry(protocol, flags, state, cport, vport, dport, 0, 0, caddr, vaddr, daddr, options)


def written(entry: Entry) -> bytes:
    """Write an entry, without what fills it up to a multiple of four bytes."""
    options = b"".join(bytes((each.kind, len(each.data))) + each.data for each in entry.options)
    kind = IPV6 if len(entry.caddr) == 16 else 0
    length = _FIXED.size + 3 * len(entry.caddr) + len(options)
    assert length <= MAX_ENTRY, f"{length} bytes are more than an entry can have"
    fixed = _FIXED.pack(
        kind,
        entry.protocol,
        length,
        entry.flags,
        entry.state,
        entry.cport,
        entry.vport,
        entry.dport,
        entry.fwmark,
        entry.timeout,
    )
    return b"".join((fixed, entry.caddr, entry.vaddr, entry.daddr, options))


def datagrams(entries: Iterable[Entry], syncid: int, longest: int) -> Iterator[bytes]:
    """Write entries into as few datagrams of at most this length as can be; each has one at least."""
    body, count = bytearray(), 0
    close = partial(_datagram, syncid)
    for entry in entries:
        one = written(entry)
        start = -(-len(body) // 4) * 4
        if count and (count == MAX_ENTRIES or _HEADER.size + start + len(one) > longest):
            yield close(count, body)
            body, count, start = bytearray(), 0, 0
        body.extend(bytes(start - len(body)))
        body.extend(one)
        count += 1
    if count:
        yield close(count, body)


def _datagram(syncid: int, count: int, body: bytearray) -> bytes:
    return _HEADER.pack(0, syncid, _HEADER.size + len(body), count, VERSION, 0) + body
