# SPDX-License-Identifier: Apache-2.0
"""`director config` against a control server that listens, and `check` without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from director.config.file import read_configuration
from director.config.save import save
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import CONFIGURATION

GOOD = """\
# the web shop
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
scheduler = "wlc"

[[service.destination]]
address = "10.0.0.2:80"   # the old one
method = "dr"
weight = 4
"""
BAD = """\
[director]
wokers = 2

[[service]]
protocol = "tcp"
address = "192.0.2.1:65536"
"""
FAULTS = (
    "director.wokers: unknown key; did you mean workers?",
    'service[0].address: "192.0.2.1:65536" has port 65536; expected a port from 0 to 65535',
)
CHANGES = (
    "- service udp:192.0.2.1:53 scheduler sh flags sh-port\n"
    "- server tcp:192.0.2.1:80 -> 10.0.0.3:8080 nat weight 3\n"
    "~ server tcp:192.0.2.1:80 -> 10.0.0.2:80 weight 1 -> 4\n"
)


def written(directory: Path, text: str) -> str:
    path = directory / "director.toml"
    path.write_text(text)
    return str(path)


def told(where: str) -> str:
    return "".join(f"{where}: {fault}\n" for fault in FAULTS)


def test_a_good_file_is_valid_without_a_director(tmp_path: Path, run: Run) -> None:
    file = written(tmp_path, GOOD)
    result = run("config", "check", file)
    assert (result.exit_code, result.output) == (0, f"{file}: valid, 1 service, 1 server\n")


def test_every_fault_of_a_bad_file_is_a_line(tmp_path: Path, run: Run) -> None:
    file = written(tmp_path, BAD)
    result = run("config", "check", file)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", told(file))


def test_a_file_is_read_from_the_standard_input_too(run: Run) -> None:
    assert run("config", "check", "-", stdin=GOOD).output == "standard input: valid, 1 service, 1 server\n"
    assert run("config", "check", "-", stdin=BAD).stderr == told("standard input")


def test_faults_as_json_name_key_found_value_and_expectation(tmp_path: Path, run: Run) -> None:
    bad = run("config", "check", written(tmp_path, BAD), "--json")
    assert (bad.exit_code, json.loads(bad.stdout)["faults"][1]) == (
        1,
        {
            "key": "service[0].address",
            "found": '"192.0.2.1:65536"',
            "expected": "a port from 0 to 65535",
            "message": '"192.0.2.1:65536" has port 65536; expected a port from 0 to 65535',
        },
    )
    good = run("config", "check", written(tmp_path, GOOD), "--json")
    assert (good.exit_code, json.loads(good.stdout)) == (0, {"faults": []})


@pytest.mark.parametrize("verb", ["check", "diff", "apply"])
def test_a_file_that_is_not_there_is_named(verb: str, director: StoppableDirector, run: Run) -> None:
    result = run("config", verb, "/nowhere/director.toml")
    assert (result.exit_code, result.output) == (
        1,
        "/nowhere/director.toml: cannot be read: no such file or directory\n",
    )


@pytest.mark.parametrize("words", [("diff",), ("apply", "--dry-run")], ids=" ".join)
def test_a_difference_is_shown_and_nothing_changes(
    words: tuple[str, ...], tmp_path: Path, director: StoppableDirector, run: Run
) -> None:
    result = run("config", *words, written(tmp_path, GOOD))
    assert (result.exit_code, result.output) == (0, CHANGES)
    assert director.applied == []


def test_an_applied_file_is_the_running_configuration(
    tmp_path: Path, director: StoppableDirector, run: Run
) -> None:
    file = written(tmp_path, GOOD)
    assert run("config", "apply", file).output == CHANGES
    assert director.applied == [read_configuration(Path(file))]
    assert run("config", "diff", "-", stdin=GOOD).output == "nothing changes\n"


@pytest.mark.parametrize("verb", ["diff", "apply"])
def test_a_bad_file_is_refused_whole(
    verb: str, tmp_path: Path, director: StoppableDirector, run: Run
) -> None:
    file = written(tmp_path, BAD)
    result = run("config", verb, file)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", told(file))
    assert director.applied == []


def test_a_saved_file_keeps_its_comments(tmp_path: Path, director: StoppableDirector, run: Run) -> None:
    file = written(tmp_path, GOOD)
    assert (run("config", "save", file).output, read_configuration(Path(file))) == ("", CONFIGURATION)
    text = Path(file).read_text()
    assert text.startswith("# the web shop\n[[service]]\n")
    assert "# the old one\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["director.toml"]


def test_a_new_file_is_made(tmp_path: Path, director: StoppableDirector, run: Run) -> None:
    run("config", "save", str(tmp_path / "new.toml"))
    assert (tmp_path / "new.toml").read_text() == save(CONFIGURATION)


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, director: StoppableDirector, run: Run
) -> None:
    file = str(tmp_path / "nowhere" / "director.toml")
    result = run("config", "save", file)
    assert (result.exit_code, result.output) == (1, f"{file}: cannot be written: no such file or directory\n")


@pytest.mark.parametrize("words", [("show",), ("save", "-")], ids=" ".join)
def test_the_running_configuration_is_printed_as_toml(
    words: tuple[str, ...], director: StoppableDirector, run: Run
) -> None:
    assert run("config", *words).output == save(CONFIGURATION)


def test_the_running_configuration_is_printed_as_json(director: StoppableDirector, run: Run) -> None:
    answer = json.loads(run("config", "show", "--json").output)
    assert [each["address"] for each in answer["service"]] == ["192.0.2.1:80", "192.0.2.1:53"]
