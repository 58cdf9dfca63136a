# SPDX-License-Identifier: Apache-2.0
"""An announcement reaches the segment."""

from __future__ import annotations

import asyncio

import pytest
from scapy.layers.l2 import ARP, Ether

from director.host.announce import announce
from tests.lab.host.watched import ETH_P_ARP, VIP, run, watched
from tests.lab.segment import OUR_MAC, Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket"), pytest.mark.lab]


def test_a_vip_is_announced_to_the_segment(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            with joined.peer():
                peer = joined.listen(ETH_P_ARP)
            with peer:
                task = asyncio.create_task(announce(made.eth0, [VIP]))
                heard = Ether(await asyncio.to_thread(peer.recv, 2048))
                task.cancel()
            assert heard[Ether].dst == "ff:ff:ff:ff:ff:ff"
            assert (heard[ARP].op, heard[ARP].hwsrc, heard[ARP].psrc, heard[ARP].pdst) == (
                1,
                OUR_MAC,
                str(VIP),
                str(VIP),
            )

    run(scenario)
