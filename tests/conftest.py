# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: its needs are probed before its fixtures start, and a run must leave nothing.

The guard lives in the process that steers the run, not in pytest-xdist's workers, since one worker may end
while another still has its lab up.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import leftovers, needs

# A slow machine is no fault of the code. CI tries the same examples each time; everybody else tries new ones.
settings.register_profile("anywhere", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "anywhere")

BEFORE = pytest.StashKey[tuple[leftovers.Surroundings, str]]()
LEFT = pytest.StashKey[tuple[str, ...]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        needs.refuse_without(mark.args)


def pytest_sessionstart(session: pytest.Session) -> None:
    if not _is_worker(session.config):
        session.config.stash[BEFORE] = (leftovers.look(), leftovers.mark_run())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        return
    left = leftovers.leftovers(*session.config.stash[BEFORE])
    session.config.stash[LEFT] = left
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(LEFT, ()):
        terminalreporter.write_line(f"left behind by this run: {line}", red=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
