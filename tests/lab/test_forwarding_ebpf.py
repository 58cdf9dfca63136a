# SPDX-License-Identifier: Apache-2.0
"""What carries an interface is what was asked for, or the best there is for it; `director status` says it.

What is tested of every data path in the same way stands in the other test_forwarding_*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab import Wires
from tests.lab.forwarding import DATAPATHS, NEEDS, RUN, Venue, venue

pytestmark = [pytest.mark.lab, NEEDS]


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("nat-gateway") as it:
        yield it


@pytest.mark.parametrize("datapath", DATAPATHS)
def test_the_status_says_what_was_asked_for(place: Venue, datapath: str) -> None:
    with place.carried_by(datapath) as it:
        assert it.carriage() == {"front": (datapath, "asked for"), "inside": (datapath, "asked for")}


def test_auto_takes_tc_on_virtual_links_also_where_xdp_could_be(place: Venue) -> None:
    chosen = ("tc", "veth: frames come large, and checksums not filled in")
    with place.directed(*RUN, wires=Wires.PLAIN) as it:
        assert it.carriage() == {"front": chosen, "inside": chosen}


def test_a_director_on_xdp_warns_of_far_ends_that_it_can_not_look_at(place: Venue) -> None:
    with place.carried_by("xdp") as it:
        said = it.directors[-1].log.read_text()
    warned = re.findall(r"interface may forward wrong frames.* interface=(\w+)", said)
    assert set(warned) == {"inside", "front"}


def test_xdp_is_refused_where_what_it_sends_would_be_lost(place: Venue) -> None:
    place.lab.set_wires("director", Wires.OFFLOADED)
    refused = place.lab.node("director").run((*RUN, "--datapath", "xdp"))
    assert refused.returncode == 1
    assert "its peer does not poll" in refused.stderr
    assert "ethtool -K IFNAME gro on" in refused.stderr
