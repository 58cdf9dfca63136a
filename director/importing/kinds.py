# SPDX-License-Identifier: Apache-2.0
"""The formats that can be read, by the programs whose they are: apart, for the command line names them."""

from __future__ import annotations

from enum import Enum


class Format(Enum):
    """A format of another program's."""

    IPVSADM = "ipvsadm"
    LDIRECTORD = "ldirectord"
    KEEPALIVED = "keepalived"
