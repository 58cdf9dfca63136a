# SPDX-License-Identifier: Apache-2.0
"""Have the kernel find out and confirm the neighbours that the data path needs.

The kernel does the ARP and Neighbour Discovery: an entry that is "used" (NTF_USE) is probed when it is not
known or stale. Frames that the data path sends do not pass the kernel's neighbour table, so nothing but
`refresh` keeps an entry from going stale and a moved server from staying unnoticed.

An operator's static entry must not be "used": since Linux 5.16 that takes its permanence away, and with it
the MAC.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from director.host.messages import (
    AF_INET,
    AF_INET6,
    NUD_FAILED,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    NUD_STALE,
    neighbour_of,
)
from director.model import Neighbour

NTF_USE = 0x01
NUD_NONE = 0
LOOK_AGAIN = 0.003  # seconds; a neighbour on the segment answers within less
SETTLED = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE
UNSETTLED = {NUD_NONE, NUD_STALE, NUD_FAILED}  # the others are settled or being asked for


class Neighbours:
    """Requests about neighbours, each an interface and an address on its link."""

    def __init__(self, kernel: AsyncIPRoute) -> None:
        self._kernel = kernel

    async def solicit(self, interface: int, address: IPAddress) -> None:
        """Have this neighbour found out. That the interface is gone is no error."""
        if not await self._state(interface, address) & SETTLED:
            await self._use(interface, address)

    async def found(self, interface: int, address: IPAddress) -> Neighbour:
        """Wait until this neighbour's MAC is known; how long that may take is the caller's affair."""
        while True:
            with suppress(NetlinkError):  # not known yet
                (message, *_) = await self._kernel.neigh("get", ifindex=interface, dst=str(address))
                neighbour = neighbour_of(message)
                if neighbour is not None and neighbour.mac is not None:
                    return neighbour
            await asyncio.sleep(LOOK_AGAIN)

    async def refresh(self, needed: frozenset[tuple[int, IPAddress]]) -> None:
        """Confirm each of these that is stale, and ask again for each that is lost or has failed.

        To be called a few times a minute: nobody else asks for a server that was down and came back.
        """
        try:
            messages = [message async for message in await self._kernel.neigh("dump")]
        except NetlinkDumpInterrupted:  # what is stale now is stale still at the next call
            return
        states = {
            (message["ifindex"], IPAddress(message.get_attr("NDA_DST"))): message["state"]
            for message in messages
            if message["family"] in (AF_INET, AF_INET6)
        }
        for place in needed:
            if states.get(place, NUD_NONE) in UNSETTLED:
                await self._use(*place)

    async def _state(self, interface: int, address: IPAddress) -> int:
        try:
            (message, *_) = await self._kernel.neigh("get", ifindex=interface, dst=str(address))
        except NetlinkError:  # not known yet
            return NUD_NONE
        state: int = message["state"]
        return state

    async def _use(self, interface: int, address: IPAddress) -> None:
        with suppress(NetlinkError):  # the interface is gone or down; the event that says so follows
            await self._kernel.neigh(
                "set", ifindex=interface, dst=str(address), state=NUD_NONE, flags=NTF_USE
            )
