# SPDX-License-Identifier: Apache-2.0
"""The configuration on the disk: read with its name in every fault, written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from director.config.errors import ConfigError
from director.config.file import read_configuration, write_configuration
from director.model.configuration import Configuration, Timeouts

SHORT = Configuration(timeouts=Timeouts(udp=9))


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_configuration(path)
    return str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"
    assert refusal(path) == f"{path}: cannot be read: no such file or directory"


def test_a_directory_is_not_a_configuration(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: is a directory"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"
    path.write_bytes(b"\xfe")
    assert refusal(path) == f"{path}: is not UTF-8: byte 0xfe at offset 0; expected text in UTF-8"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"
    write_configuration(path, SHORT)
    assert read_configuration(path) == SHORT


def test_writing_over_a_file_keeps_its_comments_and_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"
    path.write_text("[timeouts] # short\nudp = 1\n")
    path.chmod(0o640)
    write_configuration(path, SHORT)
    assert path.read_text() == "[timeouts] # short\nudp = 9\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        writer = threading.Thread(target=write_configuration, args=(pipe, SHORT), daemon=True)
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
        assert os.read(reader, 4096) == b"[timeouts]\nudp = 9\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.toml", tmp_path / "director.toml"
    target.write_text("")
    link.symlink_to(target)
    write_configuration(link, SHORT)
    assert link.is_symlink()
    assert read_configuration(target) == SHORT


def test_a_broken_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "director.toml"
    path.write_text("a =")
    with pytest.raises(ConfigError):
        write_configuration(path, SHORT)
    assert path.read_text() == "a ="
