# SPDX-License-Identifier: Apache-2.0
"""`director sysctl` and `director timeouts` against a control server that listens."""

from __future__ import annotations

import json

import pytest

from director.model import Timeouts, Tunables
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector


def test_without_words_all_are_shown(director: StoppableDirector, run: Run) -> None:
    lines = run("sysctl").output.splitlines()
    assert (lines[0], len(lines)) == ("conn_reuse_mode = 1", len(Tunables.__dataclass_fields__))
    assert json.loads(run("timeouts", "--json").output) == {
        name: getattr(Timeouts(), name) for name in Timeouts.__dataclass_fields__
    }


def test_those_that_are_named_are_shown(director: StoppableDirector, run: Run) -> None:
    assert run("sysctl", "net.ipv4.vs.sloppy_tcp", "pmtu_disc").output == "sloppy_tcp = 0\npmtu_disc = 1\n"
    assert director.applied == []


def test_what_has_a_value_is_changed(director: StoppableDirector, run: Run) -> None:
    result = run("sysctl", "expire_nodest_conn=1", "net/ipv4/vs/sync_threshold=5 100")
    assert result.output.splitlines() == [
        "~ sysctl.expire_nodest_conn 0 -> 1",
        "~ sysctl.sync_threshold 3 -> 5",
        "~ sysctl.sync_period 50 -> 100",
    ]
    assert run("timeouts", "udp=30").output == "~ timeouts.udp 300 -> 30\n"
    assert director.applied[-1].tunables == Tunables(expire_nodest_conn=1, sync_threshold=5, sync_period=100)
    assert director.applied[-1].timeouts == Timeouts(udp=30)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sysctl", "udp"), "'udp' is not one of conn_reuse_mode, "),
        (("sysctl", "sloppy_tcp", "1"), "to change it, write sloppy_tcp=1"),
        (("sysctl", "sloppy_tcp", "pmtu_disc=0"), "either show or change: "),
        (("timeouts", "udp=x"), "'udp=x' is not NAME=NUMBER"),
        (("timeouts", "=1=2"), "'=1=2' is not NAME=NUMBER"),
    ],
)
def test_a_wrong_command_line_changes_nothing(
    words: tuple[str, ...], sentence: str, director: StoppableDirector, run: Run
) -> None:
    result = run(*words)
    assert (result.exit_code, sentence in result.stderr, director.applied) == (2, True, [])


def test_what_the_director_refuses_is_a_sentence(director: StoppableDirector, run: Run) -> None:
    result = run("sysctl", "sloppy_tcp=2", "slopy_tcp=1")
    assert (result.exit_code, result.stderr) == (
        1,
        "sloppy_tcp: 2 is above 1\nslopy_tcp: unknown key; did you mean sloppy_tcp?\n",
    )
