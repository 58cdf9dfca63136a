# SPDX-License-Identifier: Apache-2.0
"""The kernel says what a driver does for XDP, where it says it at all."""

from __future__ import annotations

import subprocess

import pytest

from director.host.xdp import xdp_features
from director.model.card import XdpFeature
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "ethtool", "bridge", "ip", "xdp-features"), pytest.mark.lab]


def test_a_veth_takes_frames_from_xdp_when_its_peer_polls(joined: Segment) -> None:
    whole = frozenset(XdpFeature)
    assert xdp_features(joined.inside) == whole - {XdpFeature.TRANSMIT}
    with joined.peer():
        subprocess.run(["ethtool", "-K", "eth0", "gro", "on"], check=True)
    assert xdp_features(joined.inside) == whole


def test_what_has_no_driver_for_it_says_so(joined: Segment) -> None:
    subprocess.run(["ip", "link", "add", "br0", "index", "99", "type", "bridge"], check=True)
    assert (xdp_features(99), xdp_features(100)) == (frozenset(), None)
