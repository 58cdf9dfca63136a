# SPDX-License-Identifier: Apache-2.0
"""The datagrams of the synchronisation, written, read and tampered with."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.sync.message import (
    MAX_ENTRIES,
    OPTIONAL,
    Entry,
    Flags,
    Option,
    OptionKind,
    Reading,
    datagrams,
    read,
    written,
)
from tests.interop.sync import recording

NUMBER, HALF, WORD = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
ENTRY = Entry(6, 0x83, 1, 40000, 80, 80, 0, 900, b"\xc6\x33\x64\x07", b"\xc0\0\x02\x01", b"\x0a\0\0\x0b")


def _addresses() -> st.SearchStrategy[tuple[bytes, bytes, bytes]]:
    return st.sampled_from((4, 16)).flatmap(
        lambda octets: st.tuples(*(st.binary(min_size=octets, max_size=octets) for _ in range(3)))
    )


def _options() -> st.SearchStrategy[tuple[Option, ...]]:
    sequences = st.builds(Option, st.just(OptionKind.SEQUENCES), st.binary(min_size=24, max_size=24))
    data = st.builds(Option, st.just(OptionKind.ENGINE_DATA), st.binary(min_size=1, max_size=255))
    name = st.builds(Option, st.just(OptionKind.ENGINE_NAME), st.binary(min_size=1, max_size=16))
    other = st.builds(
        Option, st.integers(4, 63).map(lambda kind: kind | OPTIONAL), st.binary(min_size=1, max_size=9)
    )
    return st.lists(
        st.one_of(sequences, data, name, other), max_size=4, unique_by=lambda option: option.kind
    ).map(tuple)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    caddr, vaddr, daddr = draw(_addresses())
    ports = draw(st.tuples(HALF, HALF, HALF))
    mark, timeout = draw(st.tuples(WORD, WORD))
    return Entry(
        draw(NUMBER), draw(WORD), draw(HALF), *ports, mark, timeout, caddr, vaddr, daddr, draw(_options())
    )


@given(st.lists(entries(), max_size=40), NUMBER, st.integers(8, 65000))
def test_what_is_written_is_read_again(told: list[Entry], syncid: int, longest: int) -> None:
    sent = list(datagrams(told, syncid, longest))
    readings = [read(datagram) for datagram in sent]
    assert [(each.syncid, each.version, each.fault) for each in readings] == [(syncid, 1, "")] * len(sent)
    assert [entry for each in readings for entry in each.entries] == told


@given(st.lists(entries(), max_size=40), st.integers(400, 1472))
def test_a_datagram_is_as_long_as_it_may_be_at_most_and_says_so(told: list[Entry], longest: int) -> None:
    for datagram in datagrams(told, 0, longest):
        assert struct.unpack_from("!H", datagram, 2) == (len(datagram),)
        assert len(datagram) <= longest or len(read(datagram).entries) == 1


def test_a_datagram_has_no_more_entries_than_its_header_can_count() -> None:
    assert [len(read(each).entries) for each in datagrams([ENTRY] * 300, 0, 65000)] == [MAX_ENTRIES, 45]


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing(datagram: bytes) -> None:
    assert isinstance(read(datagram), Reading)


@given(st.lists(entries(), min_size=1, max_size=4), st.data())
def test_lies_in_a_datagram_raise_nothing(told: list[Entry], data: st.DataObject) -> None:
    (datagram, *_) = datagrams(told, 1, 65000)
    damaged = bytearray(datagram)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(NUMBER)
    assert len(read(bytes(damaged)).entries) <= MAX_ENTRIES


@given(st.lists(entries(), min_size=1, max_size=4), st.data())
def test_a_datagram_that_is_cut_short_is_refused_whole(told: list[Entry], data: st.DataObject) -> None:
    (datagram, *_) = datagrams(told, 1, 65000)
    cut = read(datagram[: data.draw(st.integers(0, len(datagram) - 1))])
    assert (cut.entries, bool(cut.fault)) == ((), True)


def _altered(offset: int, value: bytes, told: tuple[Entry, ...] = (ENTRY, ENTRY)) -> bytes:
    (datagram,) = datagrams(told, 7, 1472)
    return datagram[:offset] + value + datagram[offset + len(value) :]


@pytest.mark.parametrize(
    ("datagram", "kept", "fault"),
    [
        (b"", 0, "0 bytes are no header"),
        (b"\0\x07\0\x06\0\x01", 0, "6 bytes are no header"),
        (_altered(2, b"\0\x50"), 0, ""),
        (_altered(2, b"\0\x51"), 0, "it says that it has 81 bytes, and has 80"),
        (_altered(5, b"\x02"), 0, "version 2 is not known"),
        (_altered(6, b"\x01"), 0, "version 1 is not known"),
        (_altered(4, b"\x03"), 2, "an entry at byte 80 is cut short"),
        (_altered(46, b"\x10\x24"), 1, "an entry of version 1 at byte 44"),
        (_altered(46, b"\0\x23"), 1, "an entry at byte 44 says that it has 35 bytes"),
        (_altered(46, b"\0\x25"), 1, "an entry at byte 44 says that it has 37 bytes"),
        (_altered(44, b"\x01"), 1, "an entry at byte 44 says that it has 36 bytes"),
    ],
)
def test_what_can_not_be_read_is_named_and_what_came_before_is_kept(
    datagram: bytes, kept: int, fault: str
) -> None:
    reading = read(datagram)
    if fault:
        assert (len(reading.entries), reading.fault) == (kept, fault)
    else:
        assert reading == Reading(7, 1, (ENTRY, ENTRY))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ((Option(9, b"x"),), "option 9 is not known"),
        ((Option(OptionKind.SEQUENCES, b"short"),), "option 1 has 5 bytes, or is there twice"),
        ((Option(OptionKind.ENGINE_NAME, b"n" * 17),), "option 3 has 17 bytes, or is there twice"),
        ((Option(OptionKind.ENGINE_NAME, b"n"),) * 2, "option 3 has 1 bytes, or is there twice"),
    ],
)
def test_an_entry_whose_options_can_not_be_heeded_is_passed_over(
    options: tuple[Option, ...], fault: str
) -> None:
    (datagram,) = datagrams([ENTRY, replace(ENTRY, options=options), ENTRY], 7, 1472)
    assert read(datagram) == Reading(7, 1, (ENTRY, ENTRY), fault)


def test_a_datagram_of_version_0_is_read() -> None:
    body = struct.pack("!BBHHH4s4s4sHH", 0, 6, 40000, 80, 80, ENTRY.caddr, ENTRY.vaddr, ENTRY.daddr, 0x83, 1)
    datagram = struct.pack("!BBH", 1, 7, 4 + len(body)) + body
    assert read(datagram) == Reading(7, 0, (replace(ENTRY, timeout=0),))


def test_sequence_numbers_of_version_0_are_read_and_the_end_is_minded() -> None:
    flags = 0x83 | Flags.IN_SEQUENCE
    body = struct.pack("!BBHHH4s4s4sHH", 0, 6, 40000, 80, 80, ENTRY.caddr, ENTRY.vaddr, ENTRY.daddr, flags, 1)
    whole = struct.pack("!BBH", 1, 7, 4 + len(body) + 24) + body + bytes(24)
    sequences = (Option(OptionKind.SEQUENCES, bytes(24)),)
    assert read(whole).entries == (replace(ENTRY, flags=flags, timeout=0, options=sequences),)
    short = struct.pack("!BBH", 1, 7, 4 + len(body)) + body
    assert read(short) == Reading(7, 0, (), "sequence numbers at byte 28 are cut short")


def test_an_entry_of_odd_length_is_filled_up_before_the_next() -> None:
    odd = replace(ENTRY, options=(Option(OptionKind.ENGINE_NAME, b"sip"),))
    assert len(written(odd)) == 41
    (datagram,) = datagrams([odd, ENTRY], 7, 1472)
    assert (len(datagram), read(datagram).entries) == (8 + 44 + 36, (odd, ENTRY))


@pytest.mark.parametrize("name", recording.masters())
def test_what_a_kernel_sent_is_read_and_written_again_to_the_byte(name: str) -> None:
    for datagram in recording.heard(name):
        reading = read(datagram)
        assert (reading.fault, reading.syncid) == ("", 7)
        assert reading.version == 0 or list(datagrams(reading.entries, 7, 1472)) == [datagram]
