# SPDX-License-Identifier: Apache-2.0
"""What a kill kept from being finished is removed, and nobody else's file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from director.daemon.cleanup import remove_unfinished
from director.daemon.journal import Borrowed, journal_path
from director.daemon.record import Header, Record, record_path
from director.model import Configuration

JOURNAL = Borrowed(1, 2).to_json().encode()


def record(directory: Path) -> bytes:
    path = directory / "record"
    header = Header("1f2e", "memory", "reasons", 1024, 7, 2, datetime(2026, 1, 2, tzinfo=UTC))
    Record(path, header).write(Configuration(), ())
    whole = path.read_bytes()
    path.unlink()
    return whole


@pytest.mark.parametrize("length", [0, 1, 8, 9, 12, 40, 1 << 20])
def test_files_that_a_kill_kept_from_being_finished_are_removed(tmp_path: Path, length: int) -> None:
    socket = tmp_path / "control.sock"
    unfinished = [
        (tmp_path / f"{journal_path(socket).name}.new", JOURNAL),
        (tmp_path / f"{record_path(socket).name}.new", record(tmp_path)),
    ]
    for path, whole in unfinished:
        path.write_bytes(whole[:length])
    said = tuple(f"removed {path}, which was not finished" for path, _ in unfinished)
    assert (remove_unfinished(socket), list(tmp_path.iterdir())) == (said, [])


def test_what_is_nobodys_stays(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    mine = [tmp_path / "control.sock.state.json.new", tmp_path / "control.sock.tables.new"]
    for path in mine:
        path.write_text("mine")
    assert (remove_unfinished(socket), sorted(tmp_path.iterdir())) == ((), mine)
