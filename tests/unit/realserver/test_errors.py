# SPDX-License-Identifier: Apache-2.0
"""Each error has the exit status that the help promises."""

from __future__ import annotations

from realserver.cli import NotAllowedError
from realserver.errors import HostError, StateError, WantedError


def test_exit_status_tells_whose_fault_it_was() -> None:
    statuses = [error("").exit_code for error in (WantedError, HostError, StateError, NotAllowedError)]
    assert statuses == [2, 3, 3, 4]
