# SPDX-License-Identifier: Apache-2.0
"""How the socket is named and a service is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.model.service import Scheduler
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector

ELSEWHERE = {"DIRECTOR_SOCKET": "/nowhere/control.sock"}


def test_the_environment_names_the_socket(run: Run) -> None:
    result = run("status", environment=ELSEWHERE)
    assert (result.exit_code, result.output) == (
        1,
        "cannot reach the director at /nowhere/control.sock: is `director run` running?\n",
    )


def test_the_option_wins_over_the_environment(socket: Path, director: StoppableDirector, run: Run) -> None:
    result = run("--socket", str(socket), "connections", "--count", environment=ELSEWHERE)
    assert (result.exit_code, result.output) == (0, "5\n")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("dccp", "192.0.2.1:80"), "dccp 192.0.2.1:80"),
        (("tcp", "192.0.2.1", "80"), "tcp 192.0.2.1 80"),
    ],
)
def test_what_is_no_service_is_told_how_to_write_one(words: tuple[str, ...], shown: str, run: Run) -> None:
    result = run("service", "delete", *words)
    sentence = f"'{shown}' is not a service; write tcp:192.0.2.1:80 or tcp 192.0.2.1:80"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        f"Error: Invalid value for 'SERVICE': {sentence}",
    )


def test_a_word_of_a_choice_that_does_not_exist_is_told_the_choices(run: Run) -> None:
    result = run("service", "add", "tcp:192.0.2.1:80", "--scheduler", "wlcc")
    assert result.exit_code == 2
    assert f"'wlcc' is not one of {', '.join(repr(each.value) for each in Scheduler)}" in result.stderr


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("name", ["", "a/b", "..", "sixteen-letters-"])
def test_what_no_interface_can_be_called_is_refused(verb: str, name: str, run: Run) -> None:
    result = run(verb, "--interface", name)
    sentence = f"'{name}' is not an interface name of at most 15 characters"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        f"Error: Invalid value for '--interface': {sentence}",
    )
