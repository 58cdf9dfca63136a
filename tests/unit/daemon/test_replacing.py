# SPDX-License-Identifier: Apache-2.0
"""A file is replaced as a whole, or stays as it was and the error names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.daemon.errors import DaemonError
from director.daemon.replacing import replace_file, unfinished


def test_a_file_is_replaced_and_nothing_unfinished_stays(tmp_path: Path) -> None:
    path = tmp_path / "made" / "record"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in path.parent.iterdir()] == ["record"]


def test_where_it_can_not_be_written_the_old_one_stays_and_the_error_names_it(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"old")
    unfinished(path).mkdir()
    with pytest.raises(DaemonError, match=f"{path} can not be written"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
