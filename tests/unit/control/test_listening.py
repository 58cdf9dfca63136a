# SPDX-License-Identifier: Apache-2.0
"""The control socket: private, taken over from the dead, never from the living, removed by its owner."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.control.listening import OWNER_AND_GROUP, OWNER_ONLY, Listening, SocketError, listen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def listening(path: Path) -> Iterator[Listening]:
    made = listen(path)
    yield made
    made.close()


@pytest.mark.parametrize("mode", [OWNER_ONLY, OWNER_AND_GROUP])
def test_the_socket_is_made_with_its_mode_and_its_directory(path: Path, mode: int) -> None:
    made = listen(path, mode)
    found = path.stat()
    made.close()
    assert (stat.S_ISSOCK(found.st_mode), stat.S_IMODE(found.st_mode)) == (True, mode)


def test_closing_removes_the_socket(path: Path) -> None:
    listen(path).close()
    assert not path.exists()


def test_a_dead_directors_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(path))
    dead.close()
    made = listen(path)
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.connect(str(path))
    caller.close()
    made.close()


def test_a_live_directors_socket_is_refused_and_left(listening: Listening, path: Path) -> None:
    with pytest.raises(SocketError) as caught:
        listen(path)
    assert str(caught.value) == f"cannot listen at {path}: another director is running there"
    assert path.stat().st_ino == listening.inode


def test_a_file_that_is_no_socket_is_refused_and_left(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(SocketError) as caught:
        listen(path)
    assert str(caught.value) == f"cannot listen at {path}: it exists and is not a socket"
    assert path.read_text() == "precious"


def test_a_socket_that_another_took_over_is_not_removed(path: Path) -> None:
    first = listen(path)
    path.unlink()
    second = listen(path)
    first.close()
    still_there = path.exists()
    second.close()
    assert (still_there, path.exists()) == (True, False)


def test_a_path_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    with pytest.raises(SocketError, match=r"cannot listen at .*: af_unix path too long"):
        listen(long)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SocketError, match=r"cannot listen at .*file/control.sock"):
        listen(tmp_path / "file" / "control.sock")
