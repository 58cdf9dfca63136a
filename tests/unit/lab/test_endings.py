# SPDX-License-Identifier: Apache-2.0
"""A signal ends a command also where the exception that it became was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOSES_IT = """
import os, signal, sys, time
from lab.endings import end_by_signals

end_by_signals()
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(int(sys.argv[1])))
child = os.fork()
if child == 0:
    os._exit(0)
try:
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
finally:
    os.waitpid(child, 0)
    print("unwound")
"""
FAILS_OTHERWISE = """
import gc
from lab.endings import end_by_signals

end_by_signals()

class Faulty:
    def __del__(self):
        raise ValueError("told")

Faulty()
gc.collect()
"""


WAITS = """
import signal, sys
from lab.endings import end_by_signals, uninterrupted

end_by_signals()
try:
    with uninterrupted():
        signal.raise_signal(int(sys.argv[1]))
        print("whole")
    print("not reached")
except KeyboardInterrupt:
    print("interrupted")
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "netns-lab")}
    return subprocess.run(
        (sys.executable, "-c", program, *arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("number", "ending"),
    [
        (signal.SIGINT, (0, "interrupted\nunwound\n", "")),
        (signal.SIGTERM, (143, "unwound\n", "")),
        (signal.SIGHUP, (129, "unwound\n", "")),
    ],
)
def test_a_signal_lost_in_a_hook_at_a_fork_is_sent_again(
    number: signal.Signals, ending: tuple[int, str, str]
) -> None:
    done = run(LOSES_IT, str(int(number)))
    assert (done.returncode, done.stdout, done.stderr) == ending


def test_another_exception_that_can_not_be_raised_is_told_as_ever() -> None:
    done = run(FAILS_OTHERWISE)
    assert done.returncode == 0
    assert "ValueError: told" in done.stderr


@pytest.mark.parametrize(
    ("number", "ending"),
    [(signal.SIGINT, (0, "whole\ninterrupted\n", "")), (signal.SIGTERM, (143, "whole\n", ""))],
)
def test_what_must_be_done_whole_is_done_before_the_signal_ends_the_command(
    number: signal.Signals, ending: tuple[int, str, str]
) -> None:
    done = run(WAITS, str(int(number)))
    assert (done.returncode, done.stdout, done.stderr) == ending
