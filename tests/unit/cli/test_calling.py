# SPDX-License-Identifier: Apache-2.0
"""The command as a process against a control server that listens: what it costs to start, how it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.running import StoppableDirector

PROGRAM = Path(sys.executable).with_name("director")
HEAVY = ("aiohttp", "asyncio", "pydantic", "pyroute2", "scapy", "structlog", "director.daemon")
PROBE = f"""
import sys
from director.cli import root
root.main(sys.argv[1:], prog_name="director", standalone_mode=False)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def call(socket: Path, *words: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_the_program_speaks_to_the_director(socket: Path, director: StoppableDirector) -> None:
    done = call(socket, "service", "add", "udp", "192.0.2.7:53", "--scheduler", "rr")
    assert (done.returncode, done.stdout, done.stderr) == (0, "+ service udp:192.0.2.7:53 scheduler rr\n", "")


def test_the_program_has_a_version(socket: Path) -> None:
    done = call(socket, "--version")
    assert (done.returncode, done.stdout) == (0, "director 0.1.0\n")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            "list",
            (
                "No such command 'list'. "
                "Did you mean director service list or director server list or director mark list?"
            ),
        ),
        ("save", "No such command 'save'. Did you mean director config save?"),
        ("explain", "No such command 'explain'."),
    ],
)
def test_where_a_verb_is_that_lacks_its_group_is_said(word: str, sentence: str, socket: Path) -> None:
    done = call(socket, word)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"Error: {sentence}")


@pytest.mark.parametrize(
    "words", [("status",), ("stats", "--watch"), ("connections", "--count", "--watch", "--json")]
)
def test_a_closed_standard_output_is_a_sentence(
    words: tuple[str, ...], socket: Path, director: StoppableDirector
) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', PROGRAM, *words],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "the standard output is closed\n")


@pytest.mark.parametrize(
    "words",
    [
        ("service", "list"),
        ("server", "add", "tcp:192.0.2.1:80", "10.0.0.9", "--method", "dr"),
        ("connections",),
        ("stats",),
        ("status",),
        ("config", "show"),
        ("stop",),
    ],
    ids=" ".join,
)
def test_what_is_slow_to_import_is_not_imported(
    words: tuple[str, ...], socket: Path, director: StoppableDirector
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "[]", "")


def test_rich_is_imported_for_tables_alone(socket: Path, director: StoppableDirector) -> None:
    probe = PROBE.replace(repr(HEAVY), "('rich',)")
    words = ("service", "list", "--json")
    done = subprocess.run(
        [sys.executable, "-c", probe, *words],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_failure_is_a_sentence_on_standard_error(socket: Path) -> None:
    done = call(socket, "status")
    sentence = f"cannot reach the director at {socket}: is `director run` running?\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of(
    socket: Path, director: StoppableDirector
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = call(socket, "status", stdout=writing)
    finally:
        os.close(writing)
    assert done.stderr == ""
