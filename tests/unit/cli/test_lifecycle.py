# SPDX-License-Identifier: Apache-2.0
"""`director stop` against a control server; `run` and `cleanup` as far as they need no director."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import needs
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector

PROGRAM = Path(sys.executable).with_name("director")


def test_stop_returns_when_the_director_has_gone(socket: Path, director: StoppableDirector, run: Run) -> None:
    result = run("stop")
    assert (result.exit_code, result.output, director.stops, socket.exists()) == (0, "", 1, False)


def test_stop_that_leaves_forwarding_on_says_how_to_end_it(
    socket: Path, director: StoppableDirector, run: Run
) -> None:
    director.left_note = socket.with_name(f"{socket.name}.state.json")
    result = run("stop", "--leave-running")
    assert (result.exit_code, director.leaves, socket.exists()) == (0, 1, False)
    assert result.output == "forwarding goes on: `director run` takes it over, `director cleanup` ends it\n"


def test_stop_that_can_not_leave_forwarding_on_says_why(
    socket: Path, director: StoppableDirector, run: Run
) -> None:
    director.why_not_left = "nothing is pinned"
    result = run("stop", "--leave-running")
    assert (result.exit_code, director.leaves, socket.exists()) == (1, 0, True)
    assert result.output == "forwarding can not be left on: nothing is pinned; the director runs on\n"


def test_stop_as_json_is_the_answer_of_the_api(director: StoppableDirector, run: Run) -> None:
    assert json.loads(run("stop", "--json").output) == {"stopping": True}


def test_a_director_that_does_not_run_cannot_be_stopped(socket: Path, run: Run) -> None:
    result = run("stop")
    assert (result.exit_code, result.output) == (
        1,
        f"cannot reach the director at {socket}: is `director run` running?\n",
    )


@needs("root")
@pytest.mark.parametrize("verb", ["run", "cleanup", "status"])
def test_an_empty_socket_is_refused_in_words(verb: str, run: Run) -> None:
    result = run("--socket", "", verb)
    assert (result.exit_code, result.output) == (
        1,
        '"." names no socket; give a path such as /run/director/control.sock\n',
    )


@pytest.mark.parametrize(
    ("verb", "what_for"),
    [
        ("run", "for packet sockets and addresses"),
        ("cleanup", "to remove programs, filters, qdiscs and addresses"),
    ],
)
def test_only_root_may_touch_the_machine(
    verb: str, what_for: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = run(verb)
    assert (result.exit_code, result.output) == (
        1,
        f"director {verb} needs root, {what_for}; this is user 1000\n",
    )


@needs("root", "netns")
def test_cleanup_where_nothing_was_left_says_so(socket: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", PROGRAM, "cleanup", "--socket", socket],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing left to remove\n", "")


@needs("root", "netns")
def test_cleanup_leaves_a_living_director_alone(socket: Path, director: StoppableDirector) -> None:
    done = subprocess.run(
        ["unshare", "--net", PROGRAM, "--socket", socket, "cleanup"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"a director is running on {socket}; `director stop` ends it\n",
    )


LEFT = """
ip address add 192.0.2.1/32 dev lo
namespace=$(stat --dereference --format=%i /proc/self/ns/net)
cat > "$1.state.json" <<END
{"namespace": $namespace, "pid": 1, "qdiscs": [], "addresses": [{"interface": 1, "address": "192.0.2.1"}]}
END
"""
POWERLESS = "setpriv --bounding-set=-all --inh-caps=-all"


@needs("root", "netns")
@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        ("", (0, "removed the address 192.0.2.1 from lo\nremoved {socket}.state.json\n", "")),
        (POWERLESS, (1, "", "the kernel refuses to clean up: operation not permitted\n")),
    ],
    ids=["and says so", "or says why not"],
)
def test_cleanup_removes_what_was_left(prefix: str, wanted: tuple[int, str, str], socket: Path) -> None:
    script = f'{LEFT}\nexec {prefix} "{PROGRAM}" --socket "$1" cleanup'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", script, "sh", socket],
        capture_output=True,
        text=True,
        check=False,
    )
    status, told, said = wanted
    assert (done.returncode, done.stdout, done.stderr) == (status, told.format(socket=socket), said)


@needs("root", "netns")
def test_run_with_a_bad_configuration_ends_at_once(socket: Path, tmp_path: Path) -> None:
    file = tmp_path / "director.toml"
    file.write_text('[director]\nworkers = "two"\n')
    done = subprocess.run(
        ["unshare", "--net", PROGRAM, "run", "--config", file, "--socket", socket, "--log-format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    fault = 'director.workers: "two" is not an integer from 1 to 16'
    assert (done.returncode, done.stdout, json.loads(line)["fault"]) == (1, "", fault)
