# SPDX-License-Identifier: Apache-2.0
"""Judge the director itself: whether one runs where it was asked for, and whether its role lets it forward.

How it was asked is the caller's; where there is nothing to say, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from director.checking.findings import Checked, Finding, Level
from director.model import Configuration
from director.model.sync import SyncRole

DIRECTOR = "director"


def check_running(silent: Path | None, configuration: Configuration) -> Iterator[Checked]:
    """Say what is to be known; `silent` is the socket at which none answered, if one was asked."""
    findings = (*_silence_findings(silent), *_role_findings(configuration))
    if findings:
        yield Checked(DIRECTOR, "", findings)


def _silence_findings(silent: Path | None) -> Iterator[Finding]:
    if silent is not None:
        yield _note(f"none answers at {silent}", "the host was looked at, and no service",
                    "`director run` starts one; --config FILE checks for the services of a file")  # fmt: skip


def _role_findings(configuration: Configuration) -> Iterator[Finding]:
    """Say that a backup with backup_only leaves all packets to the host's stack."""
    is_backup = any(one.role is SyncRole.BACKUP for one in configuration.sync)
    if is_backup and configuration.tunables.backup_only:
        yield _note("it is a backup and sysctl.backup_only is 1", "it forwards nothing",
                    "`director sync stop backup` when it takes over")  # fmt: skip


def _note(what: str, means: str, remedy: str) -> Finding:
    return Finding(DIRECTOR, Level.NOTE, what, means, remedy)
