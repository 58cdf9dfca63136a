# SPDX-License-Identifier: Apache-2.0
"""The data path that is asked for is the one that is made, and it says so."""

from __future__ import annotations

import errno
import os

import pytest

from director.daemon.choosing import ASKED_FOR, FILL_IN, Asked, Best, make_datapath
from director.datapath.errors import DatapathError
from director.datapath.pinned import Pinned
from director.model import Settings
from director.model.card import Card, Offload, Peer, XdpFeature
from director.model.configuration import Carriage, DatapathKind
from tests.needs import needs

ETH0 = 2
NOWHERE = 999_999  # no interface, of which nothing is known


def carriage(kind: DatapathKind) -> Carriage:
    made = make_datapath(
        Settings(datapath=kind, connections=4096), lambda _: None, Pinned(f"test{os.getpid()}", "1")
    )
    try:
        return made.carriage(NOWHERE)
    finally:
        made.stop()


def test_packet_sockets_are_taken_when_asked_for() -> None:
    assert carriage(DatapathKind.PACKET) == Carriage(DatapathKind.PACKET, ASKED_FOR)


CARDS = {
    "xdp on a card whose driver may have it": (
        Card("eth0", "ice", frozenset({Offload.GRO, Offload.TSO})),
        Carriage(DatapathKind.XDP, "ice takes the program"),
    ),
    "tc on a link within the machine": (
        Card("eth0", "veth"),
        Carriage(DatapathKind.TC, "veth: frames come large, and checksums not filled in"),
    ),
    "tc on a card that merges frames": (
        Card("eth0", "mlx5_core", frozenset({Offload.LRO})),
        Carriage(DatapathKind.TC, "mlx5_core merges frames: rx-lro is on"),
    ),
    "tc where the kernel says that the driver has no XDP": (
        Card("br0", "bridge", xdp=frozenset()),
        Carriage(DatapathKind.TC, "its driver has no XDP (bridge)"),
    ),
    "tc where xdp would take the frames of VLANs for the interface's own": (
        Card("eth0", "ice", frozenset({Offload.VLAN}), vlans=("eth0.5", "eth0.7")),
        Carriage(DatapathKind.TC, "it takes the tags off the frames of eth0.5, eth0.7"),
    ),
    "tc on what says nothing": (
        Card("eth0", None),
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
    error = DatapathError(errno.EOPNOTSUPP, "no XDP program on eth0: its driver has no XDP")
    assert Best(lambda _: Card("eth0", "igb")).instead(error) == Carriage(DatapathKind.TC, str(error))


POLLS = frozenset(XdpFeature)
WHOLE = {
    "a card's driver": (Card("eth0", "ice", frozenset({Offload.VLAN})), ""),
    "a peer that sends whole frames and polls": (Card("eth0", "veth", xdp=POLLS, peer=Peer("port1")), ""),
    "a peer that nobody sees": (
        Card("eth0", "veth", xdp=POLLS, peer=Peer(None)),
        "its peer is in a namespace that can not be looked into; there: ethtool -K IFNAME tx off gro on",
    ),
    "a machine's own link": (Card("eth0", "virtio_net"), FILL_IN),
}


@pytest.mark.parametrize(("card", "doubt"), WHOLE.values(), ids=WHOLE)
def test_xdp_that_is_asked_for_is_taken_on(card: Card, doubt: str) -> None:
    assert Asked(DatapathKind.XDP, lambda _: card).carriage(ETH0) == Carriage(
        DatapathKind.XDP, ASKED_FOR, doubt
    )


def test_xdp_that_is_asked_for_is_refused_where_it_would_break_packets() -> None:
    card = Card("eth0", "veth", xdp=POLLS, peer=Peer("port1", "", frozenset({Offload.CHECKSUM})))
    with pytest.raises(DatapathError) as refused:
        Asked(DatapathKind.XDP, lambda _: card).carriage(ETH0)
    assert str(refused.value) == (
        "eth0: its peer port1 leaves checksums to hardware (its tx-checksumming is on), so TCP and UDP "
        "through xdp arrive with wrong checksums; ethtool -K port1 tx off"
    )
    assert Asked(DatapathKind.TC, lambda _: card).carriage(ETH0) == Carriage(DatapathKind.TC, ASKED_FOR)


@needs("root", "bpf")
@pytest.mark.parametrize("kind", [DatapathKind.TC, DatapathKind.XDP])
def test_a_data_path_in_the_kernel_is_made_when_asked_for(kind: DatapathKind) -> None:
    assert carriage(kind) == Carriage(kind, ASKED_FOR)


def test_what_was_asked_for_is_not_replaced_by_something_else() -> None:
    error = DatapathError(errno.EOPNOTSUPP, "its driver has no XDP")
    with pytest.raises(DatapathError, match="its driver has no XDP"):
        Asked(DatapathKind.XDP, lambda _: Card("eth0", "igb")).instead(error)
