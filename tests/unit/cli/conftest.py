# SPDX-License-Identifier: Apache-2.0
"""A director to talk to, and the command line to do it with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from director.cli import root
from tests.unit.cli.running import StoppableDirector, serving

Run = Callable[..., Result]


@pytest.fixture
def socket() -> Iterator[Path]:
    """A path short enough for a socket, whose names end after 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="director-cli-") as directory:
        yield Path(directory, "control.sock")


@pytest.fixture
def director(socket: Path) -> Iterator[StoppableDirector]:
    running = StoppableDirector()
    with serving(running, socket):
        yield running


@pytest.fixture
def run(socket: Path) -> Run:
    """Run a command line against the socket, in this process."""

    def call(*words: str, stdin: str = "", environment: dict[str, str] | None = None) -> Result:
        runner = CliRunner(env={"DIRECTOR_SOCKET": str(socket), **(environment or {})})
        return runner.invoke(root, words, input=stdin, prog_name="director", catch_exceptions=False)

    return call
