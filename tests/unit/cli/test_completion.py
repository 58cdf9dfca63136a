# SPDX-License-Identifier: Apache-2.0
"""Completion as a real bash does it, and the scripts for other shells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector

BINARIES = Path(sys.executable).parent
COMPLETE = """
source <(director completion bash)
compopt() { echo "compopt $*"; }
COMP_LINE=$1 COMP_POINT=${#1}
_director_completion director
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(socket: Path, line: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", line],
        env={**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}", "DIRECTOR_SOCKET": str(socket)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


CASES = [
    ("a verb", "director co", ["connections", "config", "completion"]),
    ("a verb of a group", "director service ", ["add", "edit", "delete", "list"]),
    ("a choice", "director service add tcp:192.0.2.9:80 --scheduler w", ["wrr", "wlc"]),
    ("a service, after the colon at which bash cuts", "director server list tcp:1", ["192.0.2.1:80"]),
    ("a service that is begun by its protocol", "director service edit ud", ["udp:192.0.2.1:53"]),
    ("a service of an option", "director stats --service u", ["udp:192.0.2.1:53"]),
    ("a file", "director config check dir", ["compopt -o default"]),
    ("a shell", "director completion ", ["bash", "zsh", "fish"]),
    ("nothing", "director server add tcp:192.0.2.1:80 10.", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bash_completes(line: str, wanted: list[str], socket: Path, director: StoppableDirector) -> None:
    assert completed(socket, line) == wanted


def test_without_a_director_no_service_is_offered(socket: Path) -> None:
    assert completed(socket, "director server list t") == []


@pytest.mark.parametrize(("shell", "line"), [
    ("bash", "complete -o nosort -F _director_completion director"),
    ("zsh", "#compdef director"),
    ("fish", "complete --no-files --command director --arguments \"(_director_completion)\";"),
])  # fmt: skip
def test_each_shell_has_its_script(shell: str, line: str, run: Run) -> None:
    assert line in run("completion", shell).output.splitlines()


def test_another_shell_has_none(run: Run) -> None:
    assert run("completion", "tcsh").exit_code == 2
