# SPDX-License-Identifier: Apache-2.0
"""The room for entries whose destination is not known yet."""

from __future__ import annotations

from dataclasses import replace

from director.sync.message import Entry
from director.sync.waiting import LONGEST, WaitingRoom

ENTRY = Entry(6, 0x83, 1, 40000, 80, 80, 0, 900, b"\xc6\x33\x64\x07", b"\xc0\0\x02\x01", b"\x0a\0\0\x0b")


def clients(count: int) -> list[Entry]:
    return [replace(ENTRY, cport=40000 + number) for number in range(count)]


def test_who_waits_is_taken_once_with_the_time_that_is_left() -> None:
    room = WaitingRoom()
    room.keep(ENTRY, 100.0)
    assert room.take(200.0) == (replace(ENTRY, timeout=800),)
    assert (len(room), room.take(200.0)) == (0, ())


def test_who_waited_too_long_is_gone() -> None:
    room = WaitingRoom()
    room.keep(ENTRY, 100.0)
    room.keep(replace(ENTRY, cport=1, timeout=0), 100.0)
    assert room.take(100.0 + LONGEST) == (replace(ENTRY, timeout=720),)


def test_of_one_connection_the_last_word_is_kept() -> None:
    room = WaitingRoom()
    later = replace(ENTRY, state=4, timeout=120)
    room.keep(ENTRY, 100.0)
    room.keep(later, 100.0)
    assert room.take(100.0) == (later,)


def test_a_full_room_lets_the_oldest_go() -> None:
    room = WaitingRoom(room=2)
    first, second, third = clients(3)
    for entry in (first, second, first, third):
        room.keep(entry, 0.0)
    assert room.take(0.0) == (first, third)


def test_what_is_known_better_waits_no_more() -> None:
    room = WaitingRoom()
    first, second = clients(2)
    room.keep(first, 0.0)
    room.keep(second, 0.0)
    room.forget(replace(first, state=4))
    assert room.take(0.0) == (second,)
