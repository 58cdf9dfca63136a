# SPDX-License-Identifier: Apache-2.0
"""`--watch` in a pipe and on a terminal, ended by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.unit.cli.running import StoppableDirector
from tests.unit.cli.terminal import on_terminal

PROGRAM = Path(sys.executable).with_name("director")
SECONDS = 30.0


def lines_of(socket: Path, wanted: int, *words: str) -> list[str]:
    """Read so many lines of a command that would go on, then interrupt it: that is no failure."""
    with subprocess.Popen(
        [PROGRAM, *words],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        read = [process.stdout.readline() for _ in range(wanted)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (0, "")
    return read


def test_each_look_in_a_pipe_follows_the_last(socket: Path, director: StoppableDirector) -> None:
    look = [
        "VERDICT   REASON          PACKETS  MEANING\n",
        "transmit  forwarded            50  sent to a real server\n",
        "drop      no-destination        2  no real server was left\n",
        "\n",
    ]
    assert lines_of(socket, 8, "stats", "--reasons", "--watch") == look * 2


def test_each_look_as_json_is_one_line(socket: Path, director: StoppableDirector) -> None:
    first, second = lines_of(socket, 2, "connections", "--count", "--watch", "--json")
    assert json.loads(first) == json.loads(second) == {"connections": [], "total": 5, "next_cursor": None}


def test_a_terminal_is_redrawn_until_ctrl_c(socket: Path, director: StoppableDirector) -> None:
    environment = {"DIRECTOR_SOCKET": str(socket)}
    with on_terminal([PROGRAM, "stats", "--watch"], environment, columns=80) as terminal:
        shown = terminal.read_until("udp:192.0.2.1:53")
        terminal.press_ctrl_c()
        terminal.read_to_the_end()
    assert "\x1b[?1049h" in shown, "a screen of its own"
    assert "\x1b[?1049l" in terminal.seen, "and the old one given back"
    assert terminal.process.returncode == 0


def test_a_director_that_goes_away_ends_the_watch(socket: Path, director: StoppableDirector) -> None:
    with subprocess.Popen(
        [PROGRAM, "status", "--watch", "--json"],
        env={**os.environ, "DIRECTOR_SOCKET": str(socket)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        subprocess.run([PROGRAM, "--socket", socket, "stop"], check=True)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (
        1,
        f"cannot reach the director at {socket}: is `director run` running?\n",
    )
