# SPDX-License-Identifier: Apache-2.0
"""Tables are taken over only where their record is whole and means what this version means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from director.daemon.identity import identity_of
from director.daemon.inheritance import look
from director.daemon.journal import Borrowed, journal_path, own_namespace
from director.daemon.record import Header, Record, Recorded, record_path
from director.datapath.pinned import layouts
from director.datapath.pins import Pins, find_pins, make_pins
from director.model import Configuration
from tests.needs import needs

pytestmark = needs("root", "bpf")

SINCE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Pins]:
    made = make_pins(identity_of(own_namespace(), tmp_path / "control.sock"), "1f2e")
    yield made
    with suppress(FileNotFoundError):
        made.remove()


def header() -> Header:
    known = layouts()
    return Header("1f2e", known.memory, known.reasons, 1024, 7, 2, SINCE)


def recorded(directory: Path, wanted: Header) -> Path:
    Record(record_path(directory / "control.sock"), wanted).write(Configuration(), ())
    return directory / "control.sock"


def test_where_nothing_was_left_nothing_is_taken_over_or_lost(tmp_path: Path) -> None:
    found = look(tmp_path / "control.sock")
    assert (found.borrowed, found.recorded) == (Borrowed(own_namespace(), 0), None)
    assert (found.pinned.taken_over, found.pinned.lost, found.is_forwarding) == (False, None, False)


def test_tables_with_a_whole_record_are_taken_over(tmp_path: Path, pins: Pins) -> None:
    found = look(recorded(tmp_path, header()))
    assert found.recorded == Recorded(header(), ())
    assert (found.pinned.taken_over, found.pinned.instance) == (True, pins.instance)
    sizes = found.pinned.sizes(64)
    assert sizes is not None
    assert (sizes.sets, sizes.seed, sizes.cpus, sizes.image_lines) == (1024, 7, 2, 64)


def test_tables_that_mean_something_else_are_given_up(tmp_path: Path, pins: Pins) -> None:
    found = look(recorded(tmp_path, replace(header(), memory="of another version")))
    assert (found.configuration, found.pinned.taken_over) == (Configuration(), False)
    assert found.pinned.lost == "this version of the director keeps them in another way"
    assert found.pinned.instance != pins.instance


def test_tables_without_a_record_are_given_up(tmp_path: Path, pins: Pins) -> None:
    found = look(tmp_path / "control.sock")
    assert found.pinned.lost == "nothing tells whose ids are in them"


def test_tables_with_a_broken_record_are_given_up(tmp_path: Path, pins: Pins) -> None:
    path = recorded(tmp_path, header())
    record_path(path).write_bytes(record_path(path).read_bytes()[:40])
    lost = look(path).pinned.lost
    assert lost is not None
    assert lost.startswith("not a record of the director's tables")


def test_a_record_of_other_tables_is_of_no_use(tmp_path: Path, pins: Pins) -> None:
    found = look(recorded(tmp_path, replace(header(), instance="other")))
    assert (found.pinned.lost, found.pinned.taken_over) == ("their pins are gone", False)


def test_what_stands_on_interfaces_is_told_by_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    left = Borrowed(own_namespace(), os.getpid(), frozenset({3}), filters=frozenset({3}), left=True)
    journal_path(path).write_text(left.to_json())
    found = look(path)
    assert (found.borrowed, found.is_forwarding) == (left, True)


def test_nothing_is_changed_by_looking(tmp_path: Path, pins: Pins) -> None:
    path = recorded(tmp_path, replace(header(), memory="of another version"))
    before = sorted((one.name, one.read_bytes()) for one in tmp_path.iterdir())
    look(path)
    assert sorted((one.name, one.read_bytes()) for one in tmp_path.iterdir()) == before
    assert find_pins(identity_of(own_namespace(), path)) == (pins,)
