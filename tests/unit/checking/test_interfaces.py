# SPDX-License-Identifier: Apache-2.0
"""What is judged of an interface that no namespace can show; the rest is in tests/lab/check."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from director.checking.findings import Checked, Finding, Level
from director.checking.interfaces import Bystanders, Interface, check_interface, check_missing
from director.model.card import Card, Offload, Peer, XdpFeature
from director.model.configuration import Carriage, DatapathKind

BY_TC = Carriage(DatapathKind.TC, "asked for")
BY_XDP = Carriage(DatapathKind.XDP, "asked for")
NIC = Card("eth0", "ice", frozenset({Offload.GRO}), frozenset(XdpFeature))
FIT = Interface(NIC, BY_TC, mtu=1500)
Problem = partial(Finding, "eth0", Level.PROBLEM)
Note = partial(Finding, "eth0", Level.NOTE)
MERGING = replace(NIC, offloads=frozenset({Offload.LRO}))
CASES = {
    "nothing of a card as it comes": (FIT, ()),
    "a card that merges frames for tc": (
        replace(FIT, card=MERGING),
        (
            Problem(
                "it merges frames: rx-lro is on",
                "they can not be forwarded whole",
                "ethtool -K eth0 lro off",
            ),
        ),
    ),
    "a card that merges frames for xdp, once": (
        replace(FIT, card=MERGING, carriage=BY_XDP),
        (
            Problem(
                "ice merges frames: rx-lro is on",
                "xdp sees none that it could forward",
                "ethtool -K eth0 lro off",
            ),
        ),
    ),
    "frames that may be too large for xdp": (
        replace(FIT, carriage=BY_XDP, mtu=9000),
        (
            Note(
                "its MTU is 9000",
                "its driver may refuse the xdp program",
                "ip link set eth0 mtu 3498, or --datapath tc",
            ),
        ),
    ),
    "nothing of a veth's own large frames": (
        replace(FIT, card=replace(NIC, driver="veth"), carriage=BY_XDP, mtu=9000),
        (),
    ),
    "a peer that nobody sees": (
        replace(FIT, card=replace(NIC, peer=Peer(None)), carriage=BY_XDP),
        (
            Note(
                "its peer is in a namespace that can not be looked into",
                "nobody knows whether it fills checksums in, without which TCP and UDP through xdp arrive "
                "with wrong checksums",
                "there: ethtool -K IFNAME tx off gro on",
            ),
        ),
    ),
    "programs at tcx": (
        replace(FIT, bystanders=Bystanders(tcx=("agent",))),
        (
            Note(
                "the tcx program agent sees packets first",
                "what it takes is not forwarded",
                "bpftool net show dev eth0",
            ),
        ),
    ),
    "nothing but that of what is no Ethernet interface": (
        replace(FIT, is_ethernet=False, has_carrier=False),
        (Problem("it is no Ethernet interface", "it is never taken", "name another with --interface"),),
    ),
    "that it is down, and not that it has no carrier then": (
        replace(FIT, is_switched_on=False, has_carrier=False),
        (Problem("it is down", "nothing is forwarded on it", "ip link set eth0 up"),),
    ),
}


@pytest.mark.parametrize(("interface", "wanted"), CASES.values(), ids=CASES)
def test_is_told(interface: Interface, wanted: tuple[Finding, ...]) -> None:
    by = interface.carriage.datapath.value
    assert check_interface(interface) == Checked("eth0", f"eth0 by {by} (asked for)", wanted)


def test_an_interface_that_is_not_there_is_a_problem() -> None:
    remedy = "ip -brief link show, and name another with --interface"
    found = Problem("there is no such interface", "it is taken only when it comes", remedy)
    assert check_missing("eth0") == Checked("eth0", "eth0", (found,))
