# SPDX-License-Identifier: Apache-2.0
"""Hold the VIPs on this host while the director runs, each as a /32 (or /128).

An address that somebody else put on the host is theirs: it is never added again and never taken away. What is
ours is told to the journal before it is added, so that a killed director's addresses can be found.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from director.host.messages import InterfaceAddress, address_of
from director.host.routes import NO_ROUTE

GONE = {errno.EADDRNOTAVAIL, errno.ENODEV}
IFA_F_NODAD = 0x02


@dataclass(frozen=True, slots=True)
class HeldAddress:
    """A VIP that we put on an interface."""

    interface: int
    address: IPAddress


Journal = Callable[[frozenset[HeldAddress]], None]


class Addresses:
    """The VIPs that are ours, those `held` by a director before this one too. `interfaces` says which the
    director forwards on; the first is the fallback.
    """

    def __init__(
        self,
        kernel: AsyncIPRoute,
        interfaces: Callable[[], tuple[int, ...]],
        journal: Journal,
        held: frozenset[HeldAddress] = frozenset(),
    ) -> None:
        self._kernel = kernel
        self._interfaces = interfaces
        self._journal = journal
        self._held = held

    @property
    def held(self) -> frozenset[HeldAddress]:
        return self._held

    async def hold(self, wanted: frozenset[IPAddress]) -> tuple[HeldAddress, ...]:
        """Hold exactly these VIPs and return the ones newly bound; what was there before is left as it is."""
        released = frozenset(held for held in self._held if held.address not in wanted)
        present = await present_addresses(self._kernel)
        missing = sorted(wanted - {one.address for one in present})
        places = [(await self._place(address, present), address) for address in missing]
        bound = [HeldAddress(index, address) for index, address in places if index]
        self._note(self._held | frozenset(bound))  # where that can not be, nothing is taken off either
        await self._release(released)
        return await self._bind(bound)

    async def _release(self, released: frozenset[HeldAddress]) -> None:
        """Take these VIPs of ours off; that one is gone already is no error."""
        for held in released:
            await remove_address(self._kernel, held)
        self._note(self._held - released)

    def forget(self, interface: int) -> None:
        """Drop what was held on an interface that is gone."""
        self._note(frozenset(one for one in self._held if one.interface != interface))

    async def _bind(self, missing: Sequence[HeldAddress]) -> tuple[HeldAddress, ...]:
        """Add these, all told to the journal before; one that somebody else adds meanwhile is theirs."""
        wanted, bound = frozenset(missing), set[HeldAddress]()
        self._note(self._held | wanted)
        try:
            for held in missing:
                if await self._add(held):
                    bound.add(held)
        except NetlinkError:
            self._note(self._held - (wanted - bound))
            raise
        self._note(self._held - (wanted - bound))
        return tuple(held for held in missing if held in bound)

    async def _add(self, held: HeldAddress) -> bool:
        try:
            await add_address(self._kernel, held)
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise
            return False
        return True

    def _note(self, held: frozenset[HeldAddress]) -> None:
        if held != self._held:
            self._journal(held)
            self._held = held

    async def _place(self, address: IPAddress, present: Iterable[InterfaceAddress]) -> int | None:
        """Choose the interface whose subnet holds the VIP, else the one that leads to it, else the first."""
        forwarding = self._interfaces()
        around = [one for one in present if one.interface in forwarding and one.holds(address)]
        if around:
            return max(around, key=lambda one: one.prefix).interface
        leading = await self._leading_to(address)
        return leading if leading in forwarding else next(iter(forwarding), None)

    async def _leading_to(self, address: IPAddress) -> int | None:
        try:
            (message, *_) = await self._kernel.route("get", dst=str(address))
        except NetlinkError as error:
            if error.code not in NO_ROUTE:
                raise
            return None
        interface: int | None = message.get_attr("RTA_OIF")
        return interface


async def present_addresses(kernel: AsyncIPRoute) -> frozenset[InterfaceAddress]:
    while True:
        try:
            return frozenset([address_of(message) async for message in await kernel.addr("dump")])
        except NetlinkDumpInterrupted:
            continue


async def add_address(kernel: AsyncIPRoute, held: HeldAddress) -> None:
    """Add a VIP alone in its subnet; an IPv6 one usable at once (no duplicate address detection)."""
    nodad = {"flags": IFA_F_NODAD} if held.address.version == 6 else {}
    await kernel.addr(
        "add", index=held.interface, address=str(held.address), prefixlen=host_prefix(held.address), **nodad
    )


async def remove_address(kernel: AsyncIPRoute, held: HeldAddress) -> bool:
    """Remove a VIP; False when it is gone already."""
    try:
        await kernel.addr(
            "del", index=held.interface, address=str(held.address), prefixlen=host_prefix(held.address)
        )
    except NetlinkError as error:
        if error.code not in GONE:
            raise
        return False
    return True


def host_prefix(address: IPAddress) -> int:
    return 32 if address.version == 4 else 128
