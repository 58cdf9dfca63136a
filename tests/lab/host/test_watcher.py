# SPDX-License-Identifier: Apache-2.0
"""Every change of the network becomes an event, and none is lost."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute

from director.events import LinkChanged, LinkRemoved, NeighbourChanged, RoutesChanged
from director.host.messages import NUD_PERMANENT
from director.model import Link, Neighbour
from tests.lab.host.watched import OURS, Watched, run, watched
from tests.lab.segment import OUR_MAC, PEER_MAC, Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket", "ip"), pytest.mark.lab]


def test_what_is_there_at_the_start_is_emitted(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:
            made = Watched(joined, kernel)
            await kernel.neigh(
                "add", ifindex=joined.inside, dst="10.0.0.9", lladdr=PEER_MAC, state=NUD_PERMANENT
            )
            await made.watcher.start()
            eth0 = Link(joined.inside, "eth0", EUI(OUR_MAC), 1500, up=True)
            await made.sees(LinkChanged(eth0))
            await made.sees(NeighbourChanged(Neighbour(joined.inside, IPAddress("10.0.0.9"), EUI(PEER_MAC))))
            await made.sees(RoutesChanged())
            assert OURS in made.local[-1]
            await made.watcher.stop()

    run(scenario)


def test_a_link_that_changes_comes_and_goes_is_emitted(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            await made.kernel.link("set", index=joined.inside, mtu=1400)
            await made.sees(LinkChanged(Link(joined.inside, "eth0", EUI(OUR_MAC), 1400, up=True)))
            await made.kernel.link("set", index=joined.inside, state="down")
            await made.sees(LinkChanged(Link(joined.inside, "eth0", EUI(OUR_MAC), 1400, up=False)))
            await made.kernel.link("del", index=joined.inside)
            await made.sees(LinkRemoved(joined.inside))
            await made.sees(RoutesChanged())

    run(scenario)


@pytest.mark.parametrize("family", [4, 6])
def test_many_changes_of_routes_are_one_event(joined: Segment, family: int) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            stem, prefix = ("203.0.113.", 32) if family == 4 else ("2001:db8::", 128)
            for number in range(1, 40):
                await made.kernel.route("add", dst=f"{stem}{number}/{prefix}", oif=joined.inside)
            await made.sees(RoutesChanged())
            assert made.events.count(RoutesChanged()) < 10

    run(scenario)


def test_a_changed_address_tells_the_local_addresses_and_that_routes_changed(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            await made.kernel.addr("add", index=joined.inside, address="10.9.0.1", prefixlen=24)
            await made.until(lambda: IPAddress("10.9.0.1") in made.local[-1])
            await made.sees(RoutesChanged())
            await made.kernel.addr("del", index=joined.inside, address="10.9.0.1", prefixlen=24)
            await made.until(lambda: IPAddress("10.9.0.1") not in made.local[-1])

    run(scenario)


def test_nothing_is_lost_when_the_kernel_had_to_drop_messages(
    joined: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("director.host.watcher.RECEIVE_BUFFER", 2048)

    async def scenario() -> None:
        async with watched(joined) as made:
            lines = [f"neigh add 10.0.0.{n} lladdr {PEER_MAC} dev eth0 nud permanent" for n in range(3, 203)]
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)  # noqa: ASYNC221
            last = Neighbour(joined.inside, IPAddress("10.0.0.202"), EUI(PEER_MAC))
            await made.sees(NeighbourChanged(last))
            seen = {one.neighbour for one in made.events if isinstance(one, NeighbourChanged)}
            assert len(seen) == 200
            assert made.watcher.resyncs > 0

    run(scenario)


def test_a_watcher_goes_on_when_it_could_not_subscribe_anew_at_first(
    joined: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("director.host.watcher.RECEIVE_BUFFER", 2048)
    monkeypatch.setattr("director.host.watcher.PAUSE", 0.05)

    async def scenario() -> None:
        async with watched(joined) as made:
            lines = [f"neigh add 10.0.0.{n} lladdr {PEER_MAC} dev eth0 nud permanent" for n in range(3, 203)]
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)  # noqa: ASYNC221
            with no_more_descriptors():
                await made.until(lambda: made.watcher.resyncs > 0)
                await asyncio.sleep(0.2)  # for some attempts in vain
            await made.sees(
                NeighbourChanged(Neighbour(joined.inside, IPAddress("10.0.0.202"), EUI(PEER_MAC)))
            )

    run(scenario)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Let this process open nothing."""
    taken: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
