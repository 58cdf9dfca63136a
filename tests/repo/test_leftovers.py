# SPDX-License-Identifier: Apache-2.0
"""The guard of the test run sees what it is there to see, and nothing that belongs to a stranger."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests import leftovers
from tests.needs import needs


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(leftovers.MARK, "restored afterwards")
    return leftovers.mark_run()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"left-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_nothing_is_found_where_nothing_was_left(mark: str) -> None:
    assert leftovers.leftovers(leftovers.look(), mark, patience=0) == ()


def test_a_child_that_still_runs_is_found(mark: str, sleeper: subprocess.Popen[bytes]) -> None:
    assert leftovers.leftovers(leftovers.look(), mark, patience=0) == (f"process {sleeper.pid}: sleep 60",)


def test_a_child_of_another_run_is_not_ours(sleeper: subprocess.Popen[bytes], mark: str) -> None:
    assert leftovers.leftovers(leftovers.look(), mark, patience=0) == ()


@needs("root", "netns", "ip")
def test_a_namespace_of_this_run_is_found(mark: str, namespace: str) -> None:
    before = leftovers.Surroundings(namespaces=frozenset(), clsact=frozenset())
    assert f"network namespace {namespace}" in leftovers.leftovers(before, mark, patience=0)


@needs("root", "netns", "ip")
def test_a_namespace_that_stood_before_is_not_ours(mark: str, namespace: str) -> None:
    assert leftovers.leftovers(leftovers.look(), mark, patience=0) == ()


@needs("root", "netns", "clsact")
def test_clsact_is_picked_out_of_what_tc_prints() -> None:
    script = "tc qdisc add dev lo clsact && tc qdisc show"
    printed = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    assert leftovers.clsact_in(printed.stdout) == {"qdisc clsact ffff: dev lo parent ffff:fff1"}
