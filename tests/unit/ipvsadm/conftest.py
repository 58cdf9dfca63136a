# SPDX-License-Identifier: Apache-2.0
"""A control server around a director that was told nothing yet, and ipvsadm's way to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from director.ipvsadm.director import Director
from tests.interop.ipvsadm.replay import director


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Director]:
    with director(tmp_path / "control.sock") as found:
        yield found
