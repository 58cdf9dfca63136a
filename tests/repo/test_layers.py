# SPDX-License-Identifier: Apache-2.0
"""Imports go down only: the contracts in pyproject.toml, held."""

import os
import subprocess
import sys
from pathlib import Path

from tests.repo import tree


def test_every_import_keeps_to_the_floors() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": "netns-lab"}
    done = subprocess.run(
        [tool, "--no-logo", "--no-cache"],
        cwd=tree.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
