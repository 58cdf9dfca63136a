# SPDX-License-Identifier: Apache-2.0
"""Each command reaches its shell."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import pytest
import structlog
from netaddr import EUI, IPAddress
from pyroute2.netlink.exceptions import NetlinkError

from director.commands import (
    Command,
    EndConnections,
    GuardKey,
    GuardSide,
    Level,
    Log,
    Remember,
    ResetIds,
    ResolveRoute,
    SetAddresses,
    SetGuard,
    SolicitNeighbour,
    SwapTables,
)
from director.daemon.orders import Orders, Shells
from director.events import Event, RouteResolved
from director.host.addresses import HeldAddress
from director.model import Link, Protocol, ServiceKey

VIP, SERVER = IPAddress("192.0.2.1"), IPAddress("10.0.0.2")
KEYS = frozenset({GuardKey(GuardSide.TO, Protocol.TCP, VIP, 80)})


@dataclass
class Recorder:
    """Every shell in one; `told` is what they heard, in order."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    links: dict[int, Any] = field(default_factory=dict)
    held: frozenset[HeldAddress] = frozenset()
    bound: tuple[HeldAddress, ...] = ()

    def swap(self, image: bytes) -> None:
        self.told.append(("swap", image))

    async def renew(self) -> None:
        self.told.append(("renew",))

    def settle(self) -> None:
        self.told.append(("settle",))

    async def remember(self, order: Remember) -> None:
        self.told.append(("remember", order.services))

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None:
        self.told.append(("wrr", changes))

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None:
        self.told.append(("reset", services, destinations))

    def end(self, destinations: tuple[int, ...]) -> int:
        self.told.append(("end", destinations))
        return 0

    def set(self, wanted: SetGuard) -> None:
        self.told.append(("guard", wanted.keys))

    async def hold(self, wanted: frozenset[IPAddress]) -> tuple[HeldAddress, ...]:
        self.told.append(("hold", wanted))
        return self.bound

    async def route(self, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(0)  # as a kernel that has to be waited for
        raise NetlinkError(errno.ENETUNREACH)

    async def solicit(self, interface: int, address: IPAddress) -> None:
        self.told.append(("solicit", interface, address))


@dataclass
class Segment:
    """The segment that hears the announcements."""

    heard: list[tuple[EUI | None, IPAddress]] = field(default_factory=list)

    async def announce(self, link: Link, addresses: tuple[IPAddress, ...]) -> None:
        self.heard.extend((link.mac, address) for address in addresses)


def made(segment: Segment | None = None) -> tuple[Orders, Recorder]:
    one, events = Recorder(), list[Event]()
    shells = Shells(one, one, one, one, one, one, one, one)  # type: ignore[arg-type]
    return Orders(shells, events.append, (segment or Segment()).announce), one


def carried_out(*commands: Command) -> list[tuple[Any, ...]]:
    orders, recorder = made()

    async def scenario() -> None:
        asking = asyncio.create_task(orders.ask())
        for command in commands:
            await orders.carry_out(command)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(scenario())
    return recorder.told


def test_what_stood_before_goes_after_the_swap_and_cursors_follow_it() -> None:
    key = ServiceKey(Protocol.TCP, VIP, 80)
    swap = SwapTables(b"image", 7, ((1, 2, 3),))
    commands = ResetIds((4,), (5, 6)), Remember((key,)), swap, EndConnections((2, 3))
    assert carried_out(*commands) == [
        ("reset", (4,), (5, 6)),
        ("remember", (key,)),
        ("swap", b"image"),
        ("renew",),
        ("settle",),
        ("wrr", ((1, 2, 3),)),
        ("end", (2, 3)),
    ]


def test_the_guard_and_the_addresses_are_set_whole() -> None:
    commands = (SetGuard(KEYS), SetAddresses(frozenset({VIP})))
    assert carried_out(*commands) == [("guard", KEYS), ("hold", frozenset({VIP}))]


def test_a_question_is_asked_in_the_background() -> None:
    told = carried_out(SolicitNeighbour(3, SERVER), SetGuard(KEYS))
    assert told == [("guard", KEYS), ("solicit", 3, SERVER)]


def test_a_log_line_keeps_its_fields_and_its_level() -> None:
    with structlog.testing.capture_logs() as lines:
        carried_out(Log(Level.WARNING, "destination unreachable", (("destination", "10.0.0.2"),)))
    assert lines == [{"event": "destination unreachable", "destination": "10.0.0.2", "log_level": "warning"}]


def test_every_command_has_its_call() -> None:
    orders, _ = made()
    assert set(orders._calls) == set(get_args(Command))


def test_the_wanted_addresses_are_held_again_when_an_interface_came() -> None:
    orders, recorder = made()

    async def scenario() -> None:
        await orders.carry_out(SetAddresses(frozenset({VIP})))
        await orders.hold_addresses()

    asyncio.run(scenario())
    assert recorder.told == [("hold", frozenset({VIP}))] * 2


ETH0 = Link(2, "eth0", EUI("02-00-00-00-00-01"), 1500, up=True)
MOVED = replace(ETH0, mac=EUI("02-00-00-00-00-09"))


@dataclass(frozen=True)
class Following:
    """Links as they change, and the MACs by which the VIP held on eth0 is announced then."""

    links: tuple[Link, ...]
    macs: tuple[EUI | None, ...]


FOLLOWING = {
    "nothing of the MAC": Following((ETH0, replace(ETH0, mtu=9000)), (ETH0.mac,)),
    "another MAC": Following((ETH0, MOVED), (ETH0.mac, MOVED.mac)),
    "another MAC while it is down": Following(
        (ETH0, replace(ETH0, up=False), replace(MOVED, up=False), MOVED), (ETH0.mac, MOVED.mac)
    ),
    "another link": Following((replace(ETH0, index=3),), ()),
}


@pytest.mark.parametrize("case", FOLLOWING.values(), ids=FOLLOWING.keys())
def test_a_held_address_is_announced_once_by_each_mac(case: Following) -> None:
    segment = Segment()
    orders, recorder = made(segment)
    recorder.held = frozenset({HeldAddress(2, VIP)})

    async def scenario() -> None:
        for link in case.links:
            orders.announce_on(link)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert segment.heard == [(mac, VIP) for mac in case.macs]


def test_an_address_that_is_bound_again_is_announced_again() -> None:
    segment = Segment()
    orders, recorder = made(segment)
    recorder.links, recorder.bound = {2: ETH0}, (HeldAddress(2, VIP),)
    recorder.held = frozenset(recorder.bound)

    async def scenario() -> None:
        await orders.hold_addresses()
        await orders.hold_addresses()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert segment.heard == [(ETH0.mac, VIP)] * 2


def test_a_question_that_waits_is_not_asked_twice() -> None:
    told = carried_out(*[SolicitNeighbour(3, SERVER)] * 3, SolicitNeighbour(4, SERVER))
    assert told == [("solicit", 3, SERVER), ("solicit", 4, SERVER)]


def test_answers_to_questions_that_wait_together_are_told_together() -> None:
    """The routes of 50 servers are told without a pause in which a table image could be made of each."""
    one, told = Recorder(), asyncio.Queue[Event]()
    orders = Orders(Shells(one, one, one, one, one, one, one, one), told.put_nowait)  # type: ignore[arg-type]
    servers = [SERVER + number for number in range(50)]

    async def scenario() -> list[Event]:
        for server in servers:
            await orders.carry_out(ResolveRoute(server))
        asking = asyncio.create_task(orders.ask())
        first = await told.get()
        asking.cancel()
        return [first, *(told.get_nowait() for _ in range(told.qsize()))]

    assert asyncio.run(scenario()) == [RouteResolved(server, None) for server in servers]
