# SPDX-License-Identifier: Apache-2.0
"""The data path that is asked for is the one that is made, and it says so."""

from __future__ import annotations

import errno

import pytest

from director.daemon.choosing import ASKED_FOR, EVERYWHERE, Asked, make_datapath
from director.datapath.errors import DatapathError
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind
from tests.needs import needs

ETH0 = 2


def carriage(kind: DatapathKind) -> Carriage:
    made = make_datapath(Settings(datapath=kind, connections=4096), lambda _: None)
    try:
        return made.carriage(ETH0)
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (DatapathKind.PACKET, Carriage(DatapathKind.PACKET, ASKED_FOR)),
        (DatapathKind.AUTO, Carriage(DatapathKind.PACKET, EVERYWHERE)),
    ],
)
def test_packet_can_be_asked_for_and_is_what_is_everywhere(kind: DatapathKind, wanted: Carriage) -> None:
    assert carriage(kind) == wanted


@needs("root", "bpf")
@pytest.mark.parametrize("kind", [DatapathKind.TC, DatapathKind.XDP])
def test_a_data_path_in_the_kernel_is_made_when_asked_for(kind: DatapathKind) -> None:
    assert carriage(kind) == Carriage(kind, ASKED_FOR)


def test_what_was_asked_for_is_not_replaced_by_something_else() -> None:
    error = DatapathError(errno.EOPNOTSUPP, "its driver has no XDP")
    with pytest.raises(DatapathError, match="its driver has no XDP"):
        Asked(DatapathKind.XDP).instead(error)
