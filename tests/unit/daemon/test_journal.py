# SPDX-License-Identifier: Apache-2.0
"""What a director notes of its traces, and reads again after a kill."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from netaddr import IPAddress

from director.daemon.errors import DaemonError
from director.daemon.journal import (
    Borrowed,
    Journal,
    journal_path,
    namespace_exists,
    own_namespace,
    read_journal,
)
from director.host.addresses import HeldAddress

HELD = frozenset({HeldAddress(3, IPAddress("192.0.2.1")), HeldAddress(4, IPAddress("2001:db8::1"))})


def test_what_was_noted_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    journal = Journal(path)
    journal.record_qdiscs(frozenset({3, 4}))
    journal.record_addresses(HELD)
    assert read_journal(path) == Borrowed(own_namespace(), os.getpid(), frozenset({3, 4}), HELD)


def test_a_clean_stop_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    journal = Journal(path)
    journal.record_qdiscs(frozenset({3}))
    journal.record_qdiscs(frozenset())
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_undone_stays_noted(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    journal = Journal(path)
    journal.record_qdiscs(frozenset({3}))
    journal.close()
    assert read_journal(path) == Borrowed(own_namespace(), os.getpid(), frozenset({3}))


def test_a_director_that_changed_nothing_writes_nothing(tmp_path: Path) -> None:
    Journal(tmp_path / "state.json").close()
    assert (list(tmp_path.iterdir()), read_journal(tmp_path / "state.json")) == ([], None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"namespace": 1, "pid": 2, "qdiscs": 3, "addresses": []}',
        '{"namespace": 1, "pid": 2, "qdiscs": ["x"], "addresses": []}',
        '{"namespace": 1, "pid": 2, "qdiscs": [], "addresses": [{"interface": 1, "address": "there"}]}',
        '{"namespace": 1, "pid": 2, "qdiscs": [], "addresses": ["192.0.2.1"]}',
    ],
)
def test_another_file_is_not_taken_for_a_journal(text: str) -> None:
    with pytest.raises(ValueError, match="not a state file of the director"):
        Borrowed.from_json(text)


def test_a_journal_that_can_not_be_written_is_named_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    journal = Journal(path)
    journal.record_qdiscs(frozenset({3}))
    (tmp_path / "state.json.new").symlink_to("/dev/full")
    with pytest.raises(DaemonError) as caught:
        journal.record_qdiscs(frozenset({3, 4}))
    assert str(caught.value) == f"{path} can not be written: No space left on device"
    assert read_journal(path) == Borrowed(own_namespace(), os.getpid(), frozenset({3}))
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a state file of the director: Is a directory"):
        read_journal(tmp_path)


def test_the_journal_lies_beside_the_socket() -> None:
    assert journal_path(Path("/run/director/control.sock")) == Path("/run/director/control.sock.state.json")


def test_a_namespace_exists_while_somebody_lives_in_it() -> None:
    assert (namespace_exists(own_namespace()), namespace_exists(1)) == (True, False)
