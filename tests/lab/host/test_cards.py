# SPDX-License-Identifier: Apache-2.0
"""All that is known of an interface is put together, from within a running loop too."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from director.host.cards import look_at
from director.model.card import Card, Offload, Peer, XdpFeature
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "ethtool", "xdp-features"), pytest.mark.lab]


async def look(index: int) -> Card:
    return look_at(index)


def test_a_veth_and_its_peer_are_known(joined: Segment) -> None:
    with joined.peer():
        subprocess.run(["ethtool", "-K", "eth0", "tx", "off", "tso", "off"], check=True)
    subprocess.run(["ethtool", "-K", "eth0", "gro", "on", "tso", "off", "rxvlan", "off"], check=True)
    wanted = Card(
        "eth0",
        "veth",
        frozenset({Offload.GRO, Offload.CHECKSUM}),
        frozenset({XdpFeature.BASIC, XdpFeature.REDIRECT}),
        peer=Peer("eth0", f"ip netns exec {joined.peer_namespace} ", frozenset({Offload.VLAN}), 1500),
    )
    assert look_at(joined.inside) == wanted
    assert asyncio.run(look(joined.inside)) == wanted


def test_of_an_interface_that_is_gone_nothing_is_known() -> None:
    assert look_at(999_999) == Card("interface 999999", None)
