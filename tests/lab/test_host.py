# SPDX-License-Identifier: Apache-2.0
"""The host's shell against a real kernel: every change becomes an event, and every order is carried out."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute
from scapy.layers.l2 import ARP, Ether

from director.events import Event, LinkChanged, LinkRemoved, NeighbourChanged, RoutesChanged
from director.host.addresses import Addresses, HeldAddress, present_addresses
from director.host.announce import announce
from director.host.messages import NUD_DELAY, NUD_PERMANENT, NUD_PROBE, NUD_REACHABLE, NUD_STALE
from director.host.neighbours import Neighbours
from director.host.offloads import Offload, offloads
from director.host.routes import resolve_route
from director.host.watcher import Watcher
from director.model import Link, Neighbour, Route
from tests.lab.segment import OUR_MAC, PEER_MAC, Segment, segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket", "ip", "ethtool"), pytest.mark.lab]

OURS, THEIRS = IPAddress("10.0.0.1"), IPAddress("10.0.0.2")
VIP, FAR_VIP = IPAddress("10.0.0.100"), IPAddress("192.0.2.1")
ETH_P_ARP = 0x0806


@dataclass
class Watched:
    """A watcher at work, what it emitted, and a socket for changing things behind its back."""

    segment: Segment
    kernel: AsyncIPRoute
    events: list[Event] = field(default_factory=list)
    local: list[frozenset[IPAddress]] = field(default_factory=list)
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.events.append, self.local.append)

    @property
    def eth0(self) -> Link:
        return self.watcher.links[self.segment.inside]

    async def until(self, true: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + 5
        while not true():
            assert time.monotonic() < end, f"{what or 'it'} did not come to pass; events: {self.events}"
            await asyncio.sleep(0.01)

    async def sees(self, event: Event) -> None:
        await self.until(lambda: event in self.events, f"{event}")


@pytest.fixture
def joined() -> Iterator[Segment]:
    with segment() as made:
        yield made


@asynccontextmanager
async def watched(joined: Segment) -> AsyncIterator[Watched]:
    async with AsyncIPRoute() as kernel:
        made = Watched(joined, kernel)
        await made.watcher.start()
        try:
            await made.until(lambda: made.eth0.up and RoutesChanged() in made.events)
            made.events.clear()
            yield made
        finally:
            await made.watcher.stop()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


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


def test_a_solicited_neighbour_is_resolved_by_the_kernel_and_lost_again(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            await Neighbours(made.kernel).solicit(joined.inside, THEIRS)
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, EUI(PEER_MAC))))
            await made.kernel.neigh("del", ifindex=joined.inside, dst=str(THEIRS))
            await made.sees(NeighbourChanged(Neighbour(joined.inside, THEIRS, None)))

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
    "an address of the host": "10.0.0.1",
    "a broadcast address": "10.0.0.255",
}


@pytest.mark.parametrize("case", NO_WAY)
def test_an_address_without_a_way_resolves_to_none(joined: Segment, case: str) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            for kind, number in (("unreachable", 1), ("prohibit", 2), ("blackhole", 3)):
                await made.kernel.route("add", dst=f"203.0.113.{number}/32", type=kind)
            assert await resolve_route(made.kernel, IPAddress(NO_WAY[case]), made.watcher.links) is None

    run(scenario)


@asynccontextmanager
async def holding(joined: Segment) -> AsyncIterator[tuple[Addresses, list[frozenset[HeldAddress]]]]:
    journal: list[frozenset[HeldAddress]] = []
    async with AsyncIPRoute() as kernel:
        yield Addresses(kernel, lambda: (joined.inside,), journal.append), journal


def prefixes(present: frozenset[Any], *wanted: IPAddress) -> list[int]:
    return [one.prefix for address in wanted for one in present if one.address == address]


def test_vips_are_held_alone_in_their_subnet_and_released(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, journal):
            vips = frozenset({VIP, FAR_VIP, IPAddress("2001:db8::1")})
            held = frozenset(HeldAddress(joined.inside, vip) for vip in vips)
            assert frozenset(await addresses.hold(vips)) == held == addresses.held == journal[-1]
            present = await present_addresses(addresses._kernel)
            assert prefixes(present, VIP, FAR_VIP, IPAddress("2001:db8::1")) == [32, 32, 128]
            assert await addresses.hold(vips) == ()
            await addresses.hold(frozenset())
            assert prefixes(await present_addresses(addresses._kernel), *vips) == []
            assert (addresses.held, journal[-1]) == (frozenset(), frozenset())

    run(scenario)


def test_an_address_that_was_there_before_is_never_touched(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, journal):
            assert await addresses.hold(frozenset({OURS})) == ()
            await addresses.hold(frozenset())
            assert prefixes(await present_addresses(addresses._kernel), OURS) == [24]
            assert journal == []

    run(scenario)


def test_the_journal_knows_of_an_address_before_it_is_there(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:

            def refuse(held: frozenset[HeldAddress]) -> None:
                raise OSError(errno.ENOSPC, f"no room for {len(held)}")

            addresses = Addresses(kernel, lambda: (joined.inside,), refuse)
            with pytest.raises(OSError, match="no room for 1"):
                await addresses.hold(frozenset({VIP}))
            assert prefixes(await present_addresses(kernel), VIP) == []

    run(scenario)


def test_a_vip_that_somebody_took_away_is_released_without_complaint(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, _):
            await addresses.hold(frozenset({VIP}))
            await addresses._kernel.addr("del", index=joined.inside, address=str(VIP), prefixlen=32)
            await addresses.hold(frozenset())
            assert addresses.held == frozenset()

    run(scenario)


def test_offloads_are_read_as_ethtool_shows_them(joined: Segment) -> None:
    assert Offload.GRO in offloads("eth0")
    subprocess.run(["ethtool", "-K", "eth0", "tso", "off", "gro", "off"], check=True)
    assert not {Offload.GRO, Offload.TSO} & offloads("eth0")
    assert offloads("nowhere") == frozenset()


def test_a_vip_is_announced_to_the_segment(joined: Segment) -> None:
    async def scenario() -> None:
        async with watched(joined) as made:
            with joined.peer():
                peer = joined.listen(ETH_P_ARP)
            with peer:
                task = asyncio.create_task(announce(made.eth0, VIP))
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
