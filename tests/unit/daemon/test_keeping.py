# SPDX-License-Identifier: Apache-2.0
"""Whose the ids are is written down, or nothing is kept and the status says why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from director.commands import Remember
from director.daemon.keeping import Keeper
from director.daemon.record import Header, Record, Recorded, read_record, record_path
from director.datapath.pinned import Pinned, layouts
from director.datapath.programs import TableSizes
from director.model import Configuration, ServiceKey
from director.tables.held import HeldService
from tests.unit.scene import DNS_KEY, KEY

SIZES = TableSizes(sets=1024, image_lines=64, seed=7, cpus=2)
HELD = {KEY: HeldService(KEY, 1), DNS_KEY: HeldService(DNS_KEY, 2)}


class Holding:
    """Two services."""

    configuration = Configuration()

    def held(self, key: ServiceKey) -> HeldService:
        return HELD[key]

    def held_services(self) -> Iterable[HeldService]:
        return HELD.values()


def begun(directory: Path, pinned: Pinned, found: Recorded | None = None) -> Keeper:
    keeper = Keeper(Holding())
    keeper.begin(directory / "control.sock", pinned, SIZES, found)
    return keeper


def services(directory: Path) -> tuple[HeldService, ...]:
    found = read_record(record_path(directory / "control.sock"))
    assert found is not None
    return found.services


def test_what_is_to_be_remembered_is_written_down_until_the_end(tmp_path: Path) -> None:
    keeper = begun(tmp_path, Pinned("unit", "1f2e"))
    assert (keeper.keeps, services(tmp_path)) == (True, ())
    asyncio.run(keeper.remember(Remember((DNS_KEY,))))
    assert services(tmp_path) == (HELD[DNS_KEY],)
    keeper.end()
    assert list(tmp_path.iterdir()) == []


def test_what_was_found_is_written_anew_and_is_as_old_as_it_was(tmp_path: Path) -> None:
    since = datetime(2026, 1, 2, tzinfo=UTC)
    known = layouts()
    header = Header("1f2e", known.memory, known.reasons, 1024, 7, 2, since)
    keeper = begun(tmp_path, Pinned("unit", "1f2e"), Recorded(header, (HELD[KEY],)))
    assert read_record(record_path(tmp_path / "control.sock")) == Recorded(header, (HELD[KEY],))
    assert keeper.status().since == since


def test_where_nothing_is_pinned_nothing_is_written(tmp_path: Path) -> None:
    pinned = Pinned("unit", "1f2e")
    pinned.why_not = "there is no BPF file system"
    keeper = begun(tmp_path, pinned)
    asyncio.run(keeper.remember(Remember((KEY,))))
    assert (keeper.keeps, list(tmp_path.iterdir())) == (False, [])
    assert (keeper.status().kept, keeper.status().why_not) == (None, "there is no BPF file system")


def test_a_record_that_can_not_be_written_is_removed(tmp_path: Path) -> None:
    keeper = begun(tmp_path, Pinned("unit", "1f2e"))
    record = record_path(tmp_path / "control.sock")
    record.unlink()
    record.mkdir()
    record.rmdir()
    tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    asyncio.run(keeper.remember(Remember((KEY,))))
    assert not keeper.keeps
    assert "can not be written" in keeper.why_not


def fill_disk(directory: Path) -> None:
    """Let the next file that is written anew find no room; the one after it does."""
    (directory / "control.sock.tables.new").symlink_to("/dev/full")


FULL = "control.sock.tables can not be written: No space left on device"


def test_a_record_that_could_not_be_written_is_tried_again_with_the_next_change(tmp_path: Path) -> None:
    fill_disk(tmp_path)
    keeper = begun(tmp_path, Pinned("unit", "1f2e"))
    assert (keeper.keeps, keeper.why_not.endswith(FULL), list(tmp_path.iterdir())) == (False, True, [])
    asyncio.run(keeper.remember(Remember((DNS_KEY,))))
    assert (keeper.keeps, services(tmp_path)) == (True, tuple(HELD.values()))
    keeper.end()
    assert list(tmp_path.iterdir()) == []


def found(directory: Path) -> Recorded:
    """Return what a process before wrote; its last line was cut short."""
    known = layouts()
    header = Header("1f2e", known.memory, known.reasons, 1024, 7, 2, datetime(2026, 1, 2, tzinfo=UTC))
    path = record_path(directory / "control.sock")
    Record(path, header).write(Configuration(), (HELD[KEY],))
    path.write_bytes(path.read_bytes() + b"0123")
    return Recorded(header, (HELD[KEY],))


def test_what_was_found_stays_where_it_can_not_be_written_anew_and_then_is(tmp_path: Path) -> None:
    before = found(tmp_path)
    fill_disk(tmp_path)
    keeper = begun(tmp_path, Pinned("unit", "1f2e"), before)
    assert (keeper.keeps, services(tmp_path)) == (True, (HELD[KEY],))
    asyncio.run(keeper.remember(Remember((DNS_KEY,))))
    assert (keeper.keeps, services(tmp_path)) == (True, tuple(HELD.values()))


def test_what_was_found_goes_when_a_change_can_not_be_told(tmp_path: Path) -> None:
    before = found(tmp_path)
    fill_disk(tmp_path)
    keeper = begun(tmp_path, Pinned("unit", "1f2e"), before)
    fill_disk(tmp_path)
    asyncio.run(keeper.remember(Remember((DNS_KEY,))))
    assert (keeper.keeps, keeper.why_not.endswith(FULL), list(tmp_path.iterdir())) == (False, True, [])


def test_a_directory_in_the_records_place_stays(tmp_path: Path) -> None:
    place = record_path(tmp_path / "control.sock")
    place.mkdir()
    keeper = begun(tmp_path, Pinned("unit", "1f2e"))
    keeper.end()
    assert (keeper.keeps, list(tmp_path.iterdir())) == (False, [place])


def test_a_data_path_that_keeps_nothing_says_so() -> None:
    keeper = Keeper(Holding())
    assert (keeper.keeps, keeper.status().taken_over) == (False, False)
    assert keeper.status().why_not == "the data path `packet` ends with its process"
