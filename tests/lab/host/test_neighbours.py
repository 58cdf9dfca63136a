# SPDX-License-Identifier: Apache-2.0
"""The kernel finds neighbours out when it is told to, and keeps what an operator set."""

from __future__ import annotations

import pytest
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute

from director.events import NeighbourChanged
from director.host.messages import NUD_DELAY, NUD_FAILED, NUD_PERMANENT, NUD_PROBE, NUD_REACHABLE, NUD_STALE
from director.host.neighbours import Neighbours
from director.model import Neighbour
from tests.lab.host.watched import THEIRS, run, watched
from tests.lab.segment import PEER_MAC, Segment
from tests.needs import needs

NOBODY = IPAddress("10.0.0.77")

pytestmark = [needs("root", "netns", "veth", "packet-socket"), pytest.mark.lab]


def test_a_solicited_neighbour_is_resolved_by_the_kernel_and_lost_again(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            await Neighbours(made.kernel).solicit(joined.inside, THEIRS)
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, EUI(PEER_MAC))))
            await made.kernel.neigh("del", ifindex=joined.inside, dst=str(THEIRS))
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, None)))

    run(scenario)


def test_a_solicited_neighbour_that_never_answers_is_told(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            await Neighbours(made.kernel).solicit(joined.inside, NOBODY)
            await made.sees(NeighbourChanged(Neighbour(joined.inside, NOBODY, None)))

    run(scenario)


def test_a_neighbour_on_an_interface_that_is_gone_is_no_error(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            await Neighbours(kernel).solicit(9999, THEIRS)

    run(scenario)


def test_an_operators_static_neighbour_stays_as_it_is(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            static = {"ifindex": joined.inside, "dst": str(THEIRS)}
            await kernel.neigh("add", lladdr="02:00:00:00:00:99", state=NUD_PERMANENT, **static)
            await Neighbours(kernel).solicit(joined.inside, THEIRS)
            (entry,) = await kernel.neigh("get", **static)
            assert (entry["state"], entry.get_attr("NDA_LLADDR")) == (NUD_PERMANENT, "02:00:00:00:00:99")

    run(scenario)


def test_a_needed_neighbour_that_went_stale_is_confirmed(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            neighbours = Neighbours(made.kernel)
            await neighbours.solicit(joined.inside, THEIRS)
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, EUI(PEER_MAC))))
            entry = {"ifindex": joined.inside, "dst": str(THEIRS)}
            await made.kernel.neigh("change", lladdr=PEER_MAC, state=NUD_STALE, **entry)
            await neighbours.refresh(frozenset({(joined.inside, THEIRS)}))
            (found,) = await made.kernel.neigh("get", **entry)
            assert found["state"] in (NUD_DELAY, NUD_PROBE, NUD_REACHABLE)

    run(scenario)


@pytest.mark.parametrize("before", ["never asked for", "failed"])
def test_a_needed_neighbour_that_is_not_known_is_asked_for_again(joined: Segment, before: str) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            if before == "failed":
                entry = {"ifindex": joined.inside, "dst": str(THEIRS)}
                await made.kernel.neigh("add", state=NUD_FAILED, lladdr=PEER_MAC, **entry)
            await Neighbours(made.kernel).refresh(frozenset({(joined.inside, THEIRS)}))
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, EUI(PEER_MAC))))

    run(scenario)
