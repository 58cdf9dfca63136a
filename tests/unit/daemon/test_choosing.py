# SPDX-License-Identifier: Apache-2.0
"""The data path that is asked for is the one that is made, and it says so."""

from __future__ import annotations

import errno

import pytest

from director.daemon.choosing import ASKED_FOR, Asked, Best, Card, make_datapath
from director.datapath.errors import DatapathError
from director.host.offloads import Offload
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


def test_packet_sockets_are_taken_when_asked_for() -> None:
    assert carriage(DatapathKind.PACKET) == Carriage(DatapathKind.PACKET, ASKED_FOR)


CARDS = {
    "xdp on a card whose driver may have it": (
        Card("ice", frozenset({Offload.GRO, Offload.TSO})),
        Carriage(DatapathKind.XDP, "ice takes the program"),
    ),
    "tc on a link within the machine": (
        Card("veth"),
        Carriage(DatapathKind.TC, "veth: frames come large, and checksums not filled in"),
    ),
    "tc on a card that merges frames": (
        Card("mlx5_core", frozenset({Offload.LRO})),
        Carriage(DatapathKind.TC, "mlx5_core merges frames: rx-lro is on"),
    ),
    "tc on what says nothing": (
        Card(None),
        Carriage(DatapathKind.TC, "it does not say what its driver is"),
    ),
}


@pytest.mark.parametrize(("card", "wanted"), CARDS.values(), ids=CARDS)
def test_the_best_is(card: Card, wanted: Carriage) -> None:
    asked: list[int] = []

    def look(index: int) -> Card:
        asked.append(index)
        return card

    assert (Best(look).carriage(ETH0), asked) == (wanted, [ETH0])


def test_the_best_is_tc_where_the_driver_refuses_xdp() -> None:
    error = DatapathError(errno.EOPNOTSUPP, "no XDP program on interface 2: its driver has no XDP")
    assert Best(lambda _: Card("igb")).instead(error) == Carriage(DatapathKind.TC, str(error))


@needs("root", "bpf")
@pytest.mark.parametrize("kind", [DatapathKind.TC, DatapathKind.XDP])
def test_a_data_path_in_the_kernel_is_made_when_asked_for(kind: DatapathKind) -> None:
    assert carriage(kind) == Carriage(kind, ASKED_FOR)


def test_what_was_asked_for_is_not_replaced_by_something_else() -> None:
    error = DatapathError(errno.EOPNOTSUPP, "its driver has no XDP")
    with pytest.raises(DatapathError, match="its driver has no XDP"):
        Asked(DatapathKind.XDP).instead(error)
