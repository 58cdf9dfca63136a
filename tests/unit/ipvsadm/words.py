# SPDX-License-Identifier: Apache-2.0
"""Names for the grammar's tests, and a short way to parse."""

from __future__ import annotations

import shlex

from director.ipvsadm.commands import Command
from director.ipvsadm.errors import IpvsadmError
from director.ipvsadm.grammar import parse
from tests.interop.ipvsadm.replay import FileNames

NAMES = FileNames()


def parsed(line: str) -> Command:
    return parse("ipvsadm", shlex.split(line), NAMES)


def refusal(line: str) -> tuple[str, int]:
    """Return what is said about a bad line, and the exit status."""
    try:
        raise AssertionError(parsed(line))
    except IpvsadmError as error:
        return str(error), int(error.status)
