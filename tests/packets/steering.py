# SPDX-License-Identifier: Apache-2.0
"""From a case's setting to table images, by the way they take in the running director.

The engine is told the facts and asked for its orders, so that the compiler of images and the stable ids are
under test with the packet code. Knows nothing of what carries the packets.
"""

from __future__ import annotations

from collections.abc import Iterator

from netaddr import EUI, IPAddress

from director.commands import Command, EndConnections, ResetIds, ResolveRoute, SolicitNeighbour, SwapTables
from director.engine import Engine
from director.events import (
    ConfigurationApplied,
    Event,
    LinkChanged,
    NeighbourChanged,
    RouteResolved,
)
from director.model import Link, Neighbour, OwnAddress, Route, RouteAnswer
from tests.packets.network import (
    ALL_SERVERS,
    INSIDE,
    INSIDE_MAC,
    MTU,
    OUTSIDE,
    OUTSIDE_MAC,
    OWN,
    Setting,
    director_towards,
)

TableOrder = ResetIds | SwapTables | EndConnections
ROUNDS = 4  # of questions and answers after a setting changed: routes, then neighbours


class Steering:
    """One engine, and the world that it asks about."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.engine.handle_all(LinkChanged(link) for link in LINKS)

    def swaps(self, setting: Setting) -> Iterator[SwapTables]:
        """Tell the engine a setting; return the images that it publishes until nothing is left to ask."""
        return (order for order in self.orders(setting) if isinstance(order, SwapTables))

    def orders(self, setting: Setting) -> Iterator[TableOrder]:
        """Tell the engine a setting; return all that it says to do with the tables."""
        commands = self.engine.handle_all([ConfigurationApplied(setting.configuration), *facts(setting)])
        for _ in range(ROUNDS):
            yield from (command for command in commands if isinstance(command, TableOrder))
            answers = [event for command in commands for event in answer(setting, command)]
            commands = self.engine.handle_all(answers)
        assert not any(isinstance(command, SwapTables) for command in commands)


LINKS = (
    Link(index=OUTSIDE, name="outside", mac=EUI(OUTSIDE_MAC), mtu=MTU, up=True),
    Link(index=INSIDE, name="inside", mac=EUI(INSIDE_MAC), mtu=MTU, up=True),
)


def facts(setting: Setting) -> Iterator[Event]:
    """Tell what a setting says of the ways; a real server without one has a route and no neighbour."""
    for server in ALL_SERVERS:
        address = IPAddress(server)
        yield RouteResolved(address, route(setting, address))
        yield from neighbour(setting, address)


def answer(setting: Setting, command: Command) -> Iterator[Event]:
    """Answer what the engine asks of the kernel."""
    match command:
        case ResolveRoute(destination):
            yield RouteResolved(destination, route(setting, destination))
        case SolicitNeighbour(address=address):
            yield from neighbour(setting, address)


def route(setting: Setting, address: IPAddress) -> RouteAnswer:
    if address in OWN:
        return OwnAddress()
    way = setting.hops.get(address)
    return Route(
        destination=address,
        interface=way.interface if way else INSIDE,
        gateway=None,
        source=way.source if way else IPAddress(director_towards(str(address))),
        mtu=way.mtu if way else MTU,
    )


def neighbour(setting: Setting, address: IPAddress) -> Iterator[Event]:
    way = setting.hops.get(address)
    interface, mac = (way.interface, way.destination_mac) if way else (INSIDE, None)
    yield NeighbourChanged(Neighbour(interface, address, mac))
