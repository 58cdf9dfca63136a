# SPDX-License-Identifier: Apache-2.0
"""Clients of connections that another director told of, found by the kernel's routes and neighbours."""

from __future__ import annotations

import asyncio

from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute

from director.daemon.clients import Clients
from director.host.neighbours import Neighbours
from director.host.watcher import Watcher
from director.model.sync import SyncedFlow, Whereabouts
from tests.lab.segment import PEER_MAC, segment
from tests.needs import needs

PEER = IPAddress("10.0.0.2")
FAR = IPAddress("198.51.100.7")
FAR_TOO = IPAddress("198.51.100.8")
NOBODY = IPAddress("10.0.0.99")
MAC = EUI(PEER_MAC)


def flow(client: IPAddress) -> SyncedFlow:
    return SyncedFlow(6, client.packed, 40000, b"\xc0\0\x02\x01", 80, 1, 1, 0, 3)


@needs("root", "netns", "veth")
def test_clients_on_the_link_and_behind_a_router_are_found_and_others_are_given_up() -> None:
    async def scenario(index: int) -> None:
        both = asyncio.Event()
        led: list[tuple[SyncedFlow, Whereabouts]] = []
        watcher = Watcher(lambda _: None, lambda _: None)
        await watcher.start()
        async with AsyncIPRoute() as kernel:
            await kernel.route("add", dst="default", gateway=str(PEER))

            def lead(flow: SyncedFlow, way: Whereabouts) -> None:
                led.append((flow, way))
                if len(led) == 2:
                    both.set()

            clients = Clients(kernel, lambda: watcher.links, Neighbours(kernel), lead)
            finding = asyncio.create_task(clients.find())
            wanted = [flow(one) for one in (NOBODY, FAR, PEER)]
            for each in wanted:
                clients.look_for(each)
            await both.wait()
            finding.cancel()
            await asyncio.gather(finding, return_exceptions=True)
        await watcher.stop()
        way = Whereabouts(index, MAC)
        assert sorted(led, key=lambda one: one[0].caddr) == [(flow(PEER), way), (flow(FAR), way)]
        assert [clients.of(one.packed) for one in (PEER, FAR_TOO, NOBODY)] == [way, way, None]
        await clients.forget()
        assert clients.of(PEER.packed) is None

    with segment() as here:
        asyncio.run(asyncio.wait_for(scenario(here.inside), 20))
