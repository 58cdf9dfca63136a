# SPDX-License-Identifier: Apache-2.0
"""The fixture that tests of the host, the guard and the daemon share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon.started import FILE
from tests.lab.segment import Segment, segment


@pytest.fixture
def joined() -> Iterator[Segment]:
    """Be in a namespace of the test's own, joined to a peer's."""
    with segment() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with one service."""
    path = tmp_path / "director.toml"
    path.write_text(FILE)
    return path
