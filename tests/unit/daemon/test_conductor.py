# SPDX-License-Identifier: Apache-2.0
"""Events reach the engine in turns, and its commands the shells, whatever fails on the way."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from netaddr import EUI, IPAddress

from director.commands import Command, SetAddresses, SetGuard
from director.daemon.conductor import Conductor
from director.daemon.errors import DaemonError
from director.events import (
    ConfigurationApplied,
    Event,
    LinkChanged,
    LinkRemoved,
    RouteResolved,
    RoutesChanged,
)
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Protocol,
    ServiceKey,
    VirtualService,
)

ETH0 = Link(2, "eth0", EUI("02-00-00-00-00-01"), 1500, up=True)
ORDERS: list[Command] = [SetGuard(frozenset()), SetAddresses(frozenset({IPAddress("192.0.2.1")}))]


@dataclass
class Around:
    """The engine and all that the conductor speaks to; it answers each turn with ORDERS."""

    told: list[Any] = field(default_factory=list)
    failing: type | None = None
    newly_taken: bool = False
    learnt: tuple[Event, ...] = ()

    def new_addresses(self, configuration: Configuration) -> tuple[IPAddress, ...]:
        servers = [one for service in configuration.services for one in service.destinations]
        return tuple(server.address for server in servers)

    async def ways(self, addresses: Sequence[IPAddress]) -> tuple[Event, ...]:
        if addresses:
            self.told.append(("scout", *addresses))
        return self.learnt

    def handle_all(self, events: Sequence[Event]) -> list[Command]:
        self.told.append(tuple(events))
        return ORDERS

    async def carry_out(self, command: Command) -> None:
        self.told.append(command)
        if type(command) is self.failing:
            raise OSError(errno.ENOSPC, "no room")

    async def hold_addresses(self) -> None:
        self.told.append("hold")

    async def link_changed(self, link: Link) -> bool:
        self.told.append(("link", link.index))
        return self.newly_taken

    def announce_on(self, link: Link) -> None:
        self.told.append(("announce", link.mac))

    async def let_go(self, index: int) -> None:
        self.told.append(("let go", index))

    def forget(self, interface: int) -> None:
        self.told.append(("forget", interface))


def conduct(around: Around, *waiting: Event) -> Conductor:
    events: asyncio.Queue[Event] = asyncio.Queue()
    for event in waiting:
        events.put_nowait(event)
    return Conductor(around, around, around, around, around, events)  # type: ignore[arg-type]


def attend(around: Around, *waiting: Event) -> list[Any]:
    async def scenario() -> None:
        task = asyncio.create_task(conduct(around, *waiting).attend())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(scenario())
    return around.told


def test_events_that_wait_together_are_one_turn() -> None:
    around = Around()
    assert attend(around, RoutesChanged(), RoutesChanged()) == [(RoutesChanged(), RoutesChanged()), *ORDERS]


def test_a_configuration_comes_after_all_that_is_older() -> None:
    around, configuration = Around(), Configuration()
    asyncio.run(conduct(around, RoutesChanged()).apply(configuration))
    assert around.told == [(RoutesChanged(), ConfigurationApplied(configuration)), *ORDERS]


def test_the_ways_to_new_servers_are_learnt_first_and_told_with_the_configuration() -> None:
    server = IPAddress("10.0.0.2")
    service = VirtualService(
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80),
        destinations=(Destination(server, 80, ForwardingMethod.DR),),
    )
    way, configuration = RouteResolved(server, None), Configuration((service,))
    around = Around(learnt=(way,))
    asyncio.run(conduct(around).apply(configuration))
    assert around.told == [("scout", server), (ConfigurationApplied(configuration), way), *ORDERS]


def test_an_interface_is_taken_before_the_engine_hears_of_it_and_then_holds_the_addresses() -> None:
    around = Around(newly_taken=True)
    assert attend(around, LinkChanged(ETH0)) == [
        ("link", 2),
        ("announce", ETH0.mac),
        "hold",
        (LinkChanged(ETH0),),
        *ORDERS,
    ]


def test_an_interface_that_is_gone_is_let_go() -> None:
    assert attend(Around(), LinkRemoved(2)) == [("let go", 2), ("forget", 2), (LinkRemoved(2),), *ORDERS]


def test_an_order_that_fails_does_not_keep_the_others_from_being_carried_out() -> None:
    around = Around(failing=SetGuard)
    assert attend(around, RoutesChanged()) == [(RoutesChanged(),), *ORDERS]


def test_who_applies_a_configuration_hears_what_failed() -> None:
    around = Around(failing=SetGuard)
    with pytest.raises(DaemonError, match="no room") as caught:
        asyncio.run(conduct(around).apply(Configuration()))
    assert caught.value.errno == errno.ENOSPC
    assert around.told[1:] == ORDERS
