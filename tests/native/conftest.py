# SPDX-License-Identifier: Apache-2.0
"""The tape of all packet cases, written once for the programs that play it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.native.tape import tape
from tests.packets.cases import CASES


@pytest.fixture(scope="session")
def tape_of_all_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tape") / "cases.tape"
    path.write_bytes(tape(CASES))
    return path
