# SPDX-License-Identifier: Apache-2.0
"""Routes resolve as the kernel's own stack would send."""

from __future__ import annotations

import pytest
from netaddr import IPAddress

from director.host.routes import resolve_route
from director.model import OwnAddress, Route
from tests.lab.host.watched import OURS, run, watched
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket"), pytest.mark.lab]

ROUTES = {
    "on the link": ("10.0.0.77", None, 1500),
    "by the gateway": ("203.0.113.5", "10.0.0.2", 1400),
}


@pytest.mark.parametrize("case", ROUTES)
def test_a_route_resolves_as_the_stack_would_send(joined: Segment, case: str) -> None:
    address, gateway, mtu = ROUTES[case]

    async def scenario() -> None:
        async with watched(joined) as made:
            metrics = {"mtu": 1400}
            await made.kernel.route("add", dst="203.0.113.0/24", gateway="10.0.0.2", metrics=metrics)
            wanted = Route(
                destination=IPAddress(address),
                interface=joined.inside,
                gateway=IPAddress(gateway) if gateway else None,
                source=OURS,
                mtu=mtu,
            )
            assert await resolve_route(made.kernel, IPAddress(address), made.watcher.links) == wanted

    run(scenario)


NO_WAY = {
    "no route": "198.51.100.1",
    "an unreachable route": "203.0.113.1",
    "a prohibit route": "203.0.113.2",
    "a blackhole route": "203.0.113.3",
    "a broadcast address": "10.0.0.255",
}


def test_an_address_of_the_host_resolves_to_its_own(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            assert await resolve_route(made.kernel, OURS, made.watcher.links) == OwnAddress()

    run(scenario)


@pytest.mark.parametrize("case", NO_WAY)
def test_an_address_without_a_way_resolves_to_none(joined: Segment, case: str) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            for kind, number in (("unreachable", 1), ("prohibit", 2), ("blackhole", 3)):
                await made.kernel.route("add", dst=f"203.0.113.{number}/32", type=kind)
            assert await resolve_route(made.kernel, IPAddress(NO_WAY[case]), made.watcher.links) is None

    run(scenario)
