# SPDX-License-Identifier: Apache-2.0
"""Offloads are read, never set."""

from __future__ import annotations

import subprocess

import pytest

from director.host.offloads import Offload, offloads
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket", "ip", "ethtool"), pytest.mark.lab]


def test_offloads_are_read_as_ethtool_shows_them(joined: Segment) -> None:
    subprocess.run(["ethtool", "-K", "eth0", "tso", "on", "gro", "on"], check=True)
    assert offloads("eth0") >= {Offload.GRO, Offload.TSO}
    subprocess.run(["ethtool", "-K", "eth0", "tso", "off", "gro", "off"], check=True)
    assert not {Offload.GRO, Offload.TSO} & offloads("eth0")
    assert offloads("nowhere") == frozenset()
