# SPDX-License-Identifier: Apache-2.0
"""For kernels that refuse the programs: `auto` says why, and has `packet` carry all; others are refused.

Collected only where it is named, by trials.py: most kernels take the programs.
"""

from __future__ import annotations

import os

import pytest

from director.daemon.carrier import Datapath
from director.daemon.choosing import make_datapath
from director.datapath.errors import DatapathError
from director.datapath.pinned import Pinned
from director.model import Settings
from director.model.configuration import DatapathKind

REFUSED = "the kernel did not take the tc program: "


def made(kind: DatapathKind) -> Datapath:
    settings = Settings(datapath=kind, connections=4096)
    return make_datapath(settings, lambda _: None, Pinned(f"test{os.getpid()}", "1"))


@pytest.mark.parametrize("kind", [DatapathKind.TC, DatapathKind.XDP])
def test_what_is_asked_for_is_refused_with_a_sentence(kind: DatapathKind) -> None:
    with pytest.raises(DatapathError, match=REFUSED):
        made(kind)


def test_auto_has_packet_carry_all_and_says_why() -> None:
    datapath = made(DatapathKind.AUTO)
    try:
        carriage = datapath.carriage(1)
        assert carriage.datapath is DatapathKind.PACKET
        assert carriage.why.startswith(REFUSED)
    finally:
        datapath.stop()
