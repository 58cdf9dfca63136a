# SPDX-License-Identifier: Apache-2.0
"""none: a service that takes no new connections."""

from __future__ import annotations

from director.scheduling.no_scheduler import NoScheduler
from tests.unit.scheduling.runs import listed, sequence


def test_nobody_is_chosen() -> None:
    assert sequence(NoScheduler(), listed(1, 5, 3), 3) == [None] * 3
