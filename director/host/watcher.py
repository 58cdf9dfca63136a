# SPDX-License-Identifier: Apache-2.0
"""Follow the kernel's links, addresses, routes and neighbours, and emit each change as an event.

First subscribe, then dump: what changes in between waits in the subscription and is read after the dump, so
nothing is lost and the last word is the kernel's last word. If the kernel had to drop messages (ENOBUFS)
pyroute2's socket is unusable for good, so a new one is made and everything is dumped anew; only differences
are emitted. Routes have no value here but "some route changed": who needs one asks again.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink import rtnl
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from director.events import Event, LinkChanged, LinkRemoved, NeighbourChanged, RoutesChanged
from director.host.messages import (
    NUD_FAILED,
    InterfaceAddress,
    address_of,
    is_port,
    link_of,
    neighbour_of,
)
from director.model import Link, Neighbour

GROUPS = (
    rtnl.RTMGRP_LINK
    | rtnl.RTMGRP_NEIGH
    | rtnl.RTMGRP_IPV4_IFADDR
    | rtnl.RTMGRP_IPV6_IFADDR
    | rtnl.RTMGRP_IPV4_ROUTE
    | rtnl.RTMGRP_IPV6_ROUTE
    | rtnl.RTMGRP_IPV4_RULE
    | rtnl.RTMGRP_IPV6_RULE
)
RECEIVE_BUFFER = 8 << 20  # bytes; a full table of routes may come at once
CALM = 0.1  # seconds over which changes of routes are one change
PAUSE = 1.0  # seconds before a subscription that failed for another reason is tried again
ROUTE_EVENTS = {"RTM_NEWROUTE", "RTM_DELROUTE", "RTM_NEWRULE", "RTM_DELRULE"}

Emit = Callable[[Event], None]


class Watcher:
    """What the kernel last said of the network. `emit` is called from the loop and must not block."""

    def __init__(self, emit: Emit, addresses_changed: Callable[[frozenset[IPAddress]], None]) -> None:
        self._emit = emit
        self._addresses_changed = addresses_changed
        self._links: dict[int, Link] = {}
        self._ports: set[int] = set()
        self._macs: dict[tuple[int, IPAddress], EUI] = {}
        self._addresses: set[InterfaceAddress] = set()
        self._calm: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket: AsyncIPRoute | None = None
        self.resyncs = 0

    @property
    def links(self) -> Mapping[int, Link]:
        return MappingProxyType(self._links)

    @property
    def addresses(self) -> frozenset[InterfaceAddress]:
        return frozenset(self._addresses)

    def is_port(self, interface: int) -> bool:
        """Say whether a bridge or bond receives this interface's frames."""
        return interface in self._ports

    async def start(self) -> None:
        """Read the whole state (emitting it), then go on following it until `stop`."""
        subscription = await self._subscribe()
        self._task = asyncio.create_task(self._follow(subscription), name="netlink watcher")

    async def stop(self) -> None:
        if self._calm is not None:
            self._calm.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    async def _subscribe(self) -> AsyncIPRoute:
        subscription = AsyncIPRoute(rcvbuf=RECEIVE_BUFFER)
        self._socket = subscription
        try:
            await subscription.bind(groups=GROUPS)
            while True:
                with suppress(NetlinkDumpInterrupted):  # the kernel's tables changed under the dump
                    await self._resync()
                    return subscription
        except (OSError, NetlinkError):
            subscription.close()
            raise

    async def _follow(self, subscription: AsyncIPRoute) -> None:
        while True:
            try:
                async for message in _messages(subscription):
                    self._take(message)
            except (OSError, NetlinkError) as error:
                self.resyncs += 1
                subscription.close()
                await asyncio.sleep(0 if getattr(error, "errno", None) == errno.ENOBUFS else PAUSE)
                subscription = await self._subscribe_at_last()

    async def _subscribe_at_last(self) -> AsyncIPRoute:
        """Subscribe, however often that is refused, for want of descriptors or memory, say."""
        while True:
            with suppress(OSError, NetlinkError):
                return await self._subscribe()
            await asyncio.sleep(PAUSE)

    async def _resync(self) -> None:
        """Dump everything on a socket of its own, and emit what differs from what was known."""
        async with AsyncIPRoute() as kernel:
            links = [message async for message in await kernel.link("dump")]
            addresses = [message async for message in await kernel.addr("dump")]
            neighbours = [message async for message in await kernel.neigh("dump")]
        self._take_links(links)
        self._take_neighbours(neighbours)
        self._addresses = {address_of(message) for message in addresses}
        self._addresses_changed(self._local())
        self._routes_changed()

    def _take_links(self, messages: Iterable[Any]) -> None:
        present = {message["index"]: message for message in messages}
        for index in self._links.keys() - present.keys():
            self._remove_link(index)
        for message in present.values():
            self._change_link(message)

    def _take_neighbours(self, messages: Iterable[Any]) -> None:
        present = [found for message in messages if (found := neighbour_of(message)) is not None]
        for interface, address in self._macs.keys() - {(one.interface, one.address) for one in present}:
            self._change_neighbour(Neighbour(interface, address, None))
        for neighbour in present:
            self._change_neighbour(neighbour)

    def _take(self, message: Any) -> None:
        """Take one message of the subscription."""
        event = message.get("event")
        if event == "RTM_NEWLINK":
            self._change_link(message)
        elif event == "RTM_DELLINK":
            self._remove_link(message["index"])
        elif event in ("RTM_NEWADDR", "RTM_DELADDR"):
            self._change_address(event, address_of(message))
        elif event in ROUTE_EVENTS:
            self._routes_changed()
        elif event in ("RTM_NEWNEIGH", "RTM_DELNEIGH"):
            self._take_neighbour(event, message)

    def _take_neighbour(self, event: str, message: Any) -> None:
        neighbour = neighbour_of(message)
        if neighbour is None:
            return
        lost = Neighbour(neighbour.interface, neighbour.address, None)
        known = (neighbour.interface, neighbour.address) in self._macs
        if not known and event == "RTM_NEWNEIGH" and message["state"] & NUD_FAILED:
            self._emit(NeighbourChanged(lost))  # asked for in vain, which no table of MACs could tell
            return
        self._change_neighbour(neighbour if event == "RTM_NEWNEIGH" else lost)

    def _change_link(self, message: Any) -> None:
        if message["family"] != 0:  # a bridge speaking of its port
            return
        link = link_of(message)
        (self._ports.add if is_port(message) else self._ports.discard)(link.index)
        if self._links.get(link.index) == link:
            return
        self._links[link.index] = link
        self._emit(LinkChanged(link))
        self._routes_changed()  # the kernel does not tell of IPv4 routes that a lost carrier takes with it

    def _remove_link(self, index: int) -> None:
        if self._links.pop(index, None) is None:
            return
        self._ports.discard(index)
        for interface, address in [key for key in self._macs if key[0] == index]:
            self._change_neighbour(Neighbour(interface, address, None))
        self._emit(LinkRemoved(index))
        self._routes_changed()

    def _change_neighbour(self, neighbour: Neighbour) -> None:
        key = (neighbour.interface, neighbour.address)
        if self._macs.get(key) == neighbour.mac:
            return
        if neighbour.mac is None:
            del self._macs[key]
        else:
            self._macs[key] = neighbour.mac
        self._emit(NeighbourChanged(neighbour))

    def _change_address(self, event: str, address: InterfaceAddress) -> None:
        (self._addresses.add if event == "RTM_NEWADDR" else self._addresses.discard)(address)
        self._addresses_changed(self._local())
        self._routes_changed()

    def _local(self) -> frozenset[IPAddress]:
        return frozenset(one.address for one in self._addresses)

    def _routes_changed(self) -> None:
        if self._calm is None:
            self._calm = asyncio.get_running_loop().call_later(CALM, self._routes_calm)

    def _routes_calm(self) -> None:
        self._calm = None
        self._emit(RoutesChanged())


async def _messages(subscription: AsyncIPRoute) -> AsyncIterator[Any]:
    """Yield what the subscription brings; pyroute2 ends an iteration with each datagram."""
    while True:
        async for message in subscription.get():
            yield message
