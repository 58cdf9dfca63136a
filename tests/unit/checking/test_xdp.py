# SPDX-License-Identifier: Apache-2.0
"""What keeps XDP from forwarding whole frames, told of the interface and of its peer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from director.checking.findings import Finding, Level
from director.checking.xdp import doubts, hindrances, own_hindrances
from director.model.card import Card, Offload, Peer, XdpFeature

ALL = frozenset(XdpFeature)
DEAF = ALL - {XdpFeature.TRANSMIT}
NIC = Card("eth0", "ice", frozenset({Offload.GRO, Offload.TSO, Offload.CHECKSUM, Offload.VLAN}), ALL)
VETH = Card("eth0", "veth", frozenset(), ALL, peer=Peer("port1", "ip netns exec far "))
UNSEEN = "xdp sees none that it could forward"
LOST = "what xdp sends out here is lost"
WRONG = "TCP and UDP through xdp arrive with wrong checksums"
Found = partial(Finding, "eth0", Level.PROBLEM)
CASES = {
    "a card as it comes": (NIC, ()),
    "a card on a kernel that does not say what its driver can do": (replace(NIC, xdp=None), ()),
    "a driver without XDP": (
        replace(NIC, driver="igc", xdp=frozenset()),
        (Found("its driver has no XDP (igc)", "the program can not run there", "--datapath auto or tc"),),
    ),
    "a card that merges": (
        replace(NIC, offloads=frozenset({Offload.LRO, Offload.GRO_HW})),
        (
            Found("ice merges frames: rx-gro-hw is on", UNSEEN, "ethtool -K eth0 rx-gro-hw off"),
            Found("ice merges frames: rx-lro is on", UNSEEN, "ethtool -K eth0 lro off"),
        ),
    ),
    "a card with VLANs on it that takes tags off": (
        replace(NIC, vlans=("eth0.5",)),
        (
            Found(
                "it takes the tags off the frames of eth0.5",
                "xdp takes them for its own",
                "ethtool -K eth0 rxvlan off",
            ),
        ),
    ),
    "a card with VLANs on it that leaves tags on": (
        replace(NIC, offloads=frozenset(), vlans=("eth0.5",)),
        (),
    ),
    "a peer that polls and sends whole frames": (VETH, ()),
    "a peer that does neither": (
        replace(VETH, xdp=DEAF, peer=Peer("port1", "ip netns exec far ", frozenset({Offload.CHECKSUM}))),
        (
            Found(
                "its peer port1 does not poll (its GRO is off)",
                LOST,
                "ip netns exec far ethtool -K port1 gro on",
            ),
            Found(
                "its peer port1 leaves checksums to hardware (its tx-checksumming is on)",
                WRONG,
                "ip netns exec far ethtool -K port1 tx off",
            ),
        ),
    ),
    "a peer whose frames are as large as they may be": (
        replace(VETH, peer=Peer("port1", "ip netns exec far ", mtu=3506)),
        (),
    ),
    "a peer whose frames are too large": (
        replace(VETH, peer=Peer("port1", "ip netns exec far ", mtu=3507)),
        (
            Found(
                "the MTU of its peer port1 is 3507",
                "the kernel refuses the xdp program",
                "ip netns exec far ip link set port1 mtu 3498",
            ),
        ),
    ),
    "a peer that nobody sees, and that does not poll": (
        replace(VETH, xdp=DEAF, peer=Peer(None)),
        (Found("its peer does not poll (its GRO is off)", LOST, "ethtool -K IFNAME gro on"),),
    ),
}


@pytest.mark.parametrize(("card", "wanted"), CASES.values(), ids=CASES)
def test_a_hindrance_is(card: Card, wanted: tuple[Finding, ...]) -> None:
    assert hindrances(card) == wanted


def test_what_the_peer_does_is_no_fault_of_the_interface() -> None:
    card = replace(VETH, xdp=DEAF, peer=Peer("port1", "", frozenset({Offload.CHECKSUM})))
    assert tuple(own_hindrances(card)) == ()


def test_a_peer_that_nobody_sees_is_a_doubt() -> None:
    assert tuple(doubts(VETH)) == tuple(doubts(NIC)) == ()
    assert tuple(doubts(replace(VETH, peer=Peer(None)))) == (
        Finding(
            "eth0",
            Level.NOTE,
            "its peer is in a namespace that can not be looked into",
            f"nobody knows whether it fills checksums in, without which {WRONG}",
            "there: ethtool -K IFNAME tx off gro on",
        ),
    )
