# SPDX-License-Identifier: Apache-2.0
"""Every packet case, and what can be made of it by cutting and lying, through a sanitized build.

Whatever a frame claims, nothing reads or writes out of bounds, and it ends with one counted reason.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.native.build import HERE, SANITIZERS, compile_program
from tests.needs import needs

pytestmark = needs("gcc", "asan")


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("native") / "replay"
    return compile_program(target, HERE / "replay.c", HERE / "tape.c", flags=SANITIZERS)


@pytest.mark.parametrize(
    ("how", "at_least"),
    [("plain", 2_000), ("truncate", 100_000), ("lie", 100_000), ("random", 50_000)],
)
def test_frames_never_upset_the_sanitizers(
    replay: Path, tape_of_all_cases: Path, how: str, at_least: int
) -> None:
    done = subprocess.run(
        [replay, how, tape_of_all_cases],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert int(done.stdout) >= at_least
