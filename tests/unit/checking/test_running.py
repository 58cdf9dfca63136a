# SPDX-License-Identifier: Apache-2.0
"""What is said of the director itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.checking.running import check_running
from director.model.configuration import Configuration, Tunables
from director.model.sync import SyncDaemon, SyncRole

BACKUP = SyncDaemon(SyncRole.BACKUP, "eth2")
MASTER = SyncDaemon(SyncRole.MASTER, "eth2")
SILENT = (
    "director: none answers at /run/director/control.sock, so the host was looked at, and no service; "
    "`director run` starts one; --config FILE checks for the services of a file"
)
WAITING = (
    "director: it is a backup and sysctl.backup_only is 1, so it forwards nothing; "
    "`director sync stop backup` when it takes over"
)
CASES = [
    (None, Configuration(), []),
    (Path("/run/director/control.sock"), Configuration(), [SILENT]),
    (None, Configuration(sync=(MASTER, BACKUP), tunables=Tunables(backup_only=1)), [WAITING]),
    (None, Configuration(sync=(MASTER,), tunables=Tunables(backup_only=1)), []),
    (None, Configuration(sync=(BACKUP,)), []),
]


@pytest.mark.parametrize(("silent", "configuration", "want"), CASES)
def test_what_keeps_a_director_from_forwarding_at_all_is_said(
    silent: Path | None, configuration: Configuration, want: list[str]
) -> None:
    checked = list(check_running(silent, configuration))
    assert [str(finding) for one in checked for finding in one.findings] == want
    assert all(one.is_right for one in checked)
