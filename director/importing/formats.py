# SPDX-License-Identifier: Apache-2.0
"""Which of the formats a text has, and its reader. Pure."""

from __future__ import annotations

import re

from director.importing import keepalived, ldirectord, saved
from director.importing.found import Found
from director.importing.kinds import Format
from director.ipvsadm.names import Names

_KEEPALIVED = re.compile(r"^\s*virtual_server(_group)?\b", re.MULTILINE)
_LDIRECTORD = re.compile(r"^\s*virtual6?\s*=", re.MULTILINE)
_SAVED = re.compile(r"^\s*(ipvsadm\s+)?(-A|--add-service)\s", re.MULTILINE)


class FormatError(Exception):
    """The text has none of the formats."""


_SIGNS = ((Format.KEEPALIVED, _KEEPALIVED), (Format.LDIRECTORD, _LDIRECTORD), (Format.IPVSADM, _SAVED))


def detect(text: str) -> Format:
    """Tell a text's format by what only that format has, or raise FormatError."""
    found = next((each for each, sign in _SIGNS if sign.search(text)), None)
    if found is None:
        raise FormatError(
            "no virtual service is in it, of ipvsadm -S -n, an ldirectord.cf or a keepalived.conf"
        )
    return found


def read(text: str, kind: Format, names: Names) -> Found:
    """Read a text of this format."""
    match kind:
        case Format.IPVSADM:
            return saved.read(text, names)
        case Format.LDIRECTORD:
            return ldirectord.read(text, names)
        case Format.KEEPALIVED:
            return keepalived.read(text)
