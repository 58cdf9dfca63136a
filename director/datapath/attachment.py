# SPDX-License-Identifier: Apache-2.0
"""Put a classifier on each interface and take it off again, amid the filters of others.

That is the guard's, or the `tc` data path's program; which, is not decided here, but asked per interface.
A filter is known by its name and the clsact qdisc by the caller's journal, which is told before each change,
so that what a killed director left can be found. An interface is held by a socket name that the kernel keeps
per network namespace and frees with the process: two directors never share one.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.datapath.errors import DatapathError

FILTER_NAME = "director-guard"
DATAPATH_FILTER_NAME = "director-tc"
OUR_NAMES = frozenset({FILTER_NAME, DATAPATH_FILTER_NAME})
INGRESS, EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
ALL_PROTOCOLS = 3  # ETH_P_ALL: by protocol IP the kernel would not show us frames with a priority tag
HANDLE = 1
LEFT = -1  # the descriptor of a classifier that another process loaded
CREDENTIALS = struct.Struct("iII")
GONE = {errno.ENOENT, errno.ENODEV, errno.EINVAL}  # no filter, no interface, no qdisc

BOUND = Path("/proc/thread-self/net/unix")
"""The names of sockets in the calling thread's network namespace; `@` stands for the leading NUL."""

Journal = Callable[[frozenset[int]], None]


@dataclass(frozen=True, slots=True)
class Filter:
    """A classifier on an interface's ingress, as far as we have to know it."""

    preference: int
    protocol: int
    handle: int
    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded program, and the name that it has as a filter: one of OUR_NAMES."""

    name: str
    descriptor: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A classifier that stands on an interface."""

    classifier: Classifier
    preference: int


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a director that is no more left on interfaces: filters, and clsact qdiscs that it made."""

    filters: frozenset[int] = frozenset()
    qdiscs: frozenset[int] = frozenset()


class Attachments:
    """The interfaces with our filter. `classifier_of` says which it is now; `journal` is told which clsact
    qdiscs are ours, before we make them, and `filters` which interfaces have a filter.

    `legacy` is what a director before this one left: its filters stay in force until `renew`.
    """

    def __init__(
        self,
        kernel: AsyncIPRoute,
        classifier_of: Callable[[int], Classifier],
        journal: Journal,
        filters: Journal = lambda _: None,
        legacy: Legacy | None = None,
    ) -> None:
        self._kernel = kernel
        self._classifier_of = classifier_of
        self._journal = journal
        self._filters = filters
        self._holds: dict[int, socket.socket] = {}
        self._placed: dict[int, Placed] = {}
        self._legacy = legacy
        self._left = legacy.filters if legacy else frozenset()
        self._made: frozenset[int] = legacy.qdiscs if legacy else frozenset()

    async def attach(self, interface: int) -> None:
        """Put the filter on this interface; `DatapathError` where another director has it."""
        if interface in self._holds:
            return
        hold = hold_interface(interface)
        self._filters(self._left | self._holds.keys() | {interface})
        try:
            if not await self._adopt(interface):
                await remove_filters(self._kernel, interface)
                await self._make_qdisc(interface)
                await self._add_filter(interface)
        except NetlinkError as error:
            hold.close()
            self._filters(self._left | self._holds.keys())
            await self._remove_qdisc(interface)
            why = f"no filter on {called(interface)}: {error.args[-1]}"
            raise DatapathError(error.code, why) from error
        self._holds[interface] = hold

    async def renew(self) -> None:
        """Follow, now that tables are in force by which our classifiers forward; what was left goes then."""
        had_legacy, self._legacy = self._legacy is not None, None
        await self.follow()
        if had_legacy:
            await self._clear()

    async def _clear(self) -> None:
        """Take what was left off the interfaces that we have not."""
        for interface in sorted((self._left | self._made) - self._holds.keys()):
            with contextlib.suppress(DatapathError), hold_interface(interface):
                await remove_filters(self._kernel, interface)
                await self._remove_qdisc(interface)
        self._left = frozenset()
        self._filters(frozenset(self._holds))

    async def follow(self) -> None:
        """Put the new classifier, whole and at once, wherever another one stands now."""
        if self._legacy is not None:
            return
        for interface, placed in tuple(self._placed.items()):
            wanted = self._classifier_of(interface)
            if wanted != placed.classifier:
                with suppress_gone():
                    await self._place(interface, Placed(wanted, placed.preference), "replace-filter")

    async def detach(self, interface: int) -> None:
        """Take our filter off, and the qdisc if we made it and nobody else uses it."""
        if interface not in self._holds:
            return
        await remove_filters(self._kernel, interface)
        await self._remove_qdisc(interface)
        self._placed.pop(interface, None)
        self._holds.pop(interface).close()
        self._filters(self._left | self._holds.keys())

    async def detach_all(self) -> None:
        for interface in tuple(self._holds):
            await self.detach(interface)

    def leave(self) -> None:
        """Let another director take the interfaces, and leave on them what stands there."""
        for hold in self._holds.values():
            hold.close()
        self._holds.clear()

    async def _adopt(self, interface: int) -> bool:
        """Keep the filter that was left on this interface, if there is one, until it is renewed."""
        if self._legacy is None:
            return False
        standing = [one for one in await ingress_filters(self._kernel, interface) if one.name in OUR_NAMES]
        for one in standing[:1]:
            self._placed[interface] = Placed(Classifier(str(one.name), LEFT), one.preference)
        return bool(standing)

    async def _make_qdisc(self, interface: int) -> None:
        if await has_clsact(self._kernel, interface):
            return
        self._note(self._made | {interface})
        await self._kernel.tc("add", "clsact", interface)

    async def _remove_qdisc(self, interface: int) -> None:
        if interface in self._made:
            await remove_idle_clsact(self._kernel, interface)
            self._note(self._made - {interface})

    def _note(self, made: frozenset[int]) -> None:
        self._journal(made)
        self._made = made

    async def _add_filter(self, interface: int) -> None:
        """Take the first free preference: who stands before us may let packets by that are the director's."""
        taken = {one.preference for one in await ingress_filters(self._kernel, interface)}
        preference = next(number for number in range(1, 0xFFFF) if number not in taken)
        await self._place(interface, Placed(self._classifier_of(interface), preference), "add-filter")

    async def _place(self, interface: int, placed: Placed, command: str) -> None:
        await self._kernel.tc(
            command,
            "bpf",
            interface,
            HANDLE,
            fd=placed.classifier.descriptor,
            name=placed.classifier.name,
            parent=INGRESS,
            classid=1,
            direct_action=True,
            prio=placed.preference,
            protocol=ALL_PROTOCOLS,
        )
        self._placed[interface] = placed


def hold_interface(interface: int) -> socket.socket:
    """Hold this interface against other directors in this network namespace, until the socket is closed."""
    return hold_name(f"guard/{interface}", f"{called(interface)} already has a director")


def called(interface: int) -> str:
    """Name an interface for the operator; by its index when it is gone."""
    with contextlib.suppress(OSError):
        return socket.if_indextoname(interface)
    return f"interface {interface}"


def is_held(interface: int) -> bool:
    """Say whether a living director holds this interface; nothing is held for it."""
    return any(line.endswith(f" @director/guard/{interface}") for line in BOUND.read_text().splitlines())


def hold_name(name: str, refusal: str) -> socket.socket:
    """Hold a name that one process of this network namespace can hold; `refusal` begins what others hear."""
    name = f"\0director/{name}"
    hold = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        hold.bind(name)
    except OSError as error:
        hold.close()
        raise DatapathError(errno.EBUSY, _holder(name, refusal)) from error
    hold.listen()
    return hold


def _holder(name: str, refusal: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer, contextlib.suppress(OSError):
        peer.connect(name)
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid = CREDENTIALS.unpack(raw)[0]
        return f"{refusal}: process {pid}"
    return refusal


async def ingress_filters(kernel: AsyncIPRoute, interface: int, parent: int = INGRESS) -> tuple[Filter, ...]:
    """List the filters at one hook of an interface; none where it has no clsact."""
    try:
        messages = [message async for message in await kernel.get_filters(index=interface, parent=parent)]
    except NetlinkError as error:
        if error.code not in GONE:
            raise
        return ()
    return tuple(_filter(message) for message in messages)


def _filter(message: Any) -> Filter:
    options = message.get_attr("TCA_OPTIONS")
    return Filter(
        preference=message["info"] >> 16,
        protocol=socket.ntohs(message["info"] & 0xFFFF),
        handle=message["handle"],
        kind=message.get_attr("TCA_KIND"),
        name=options.get_attr("TCA_BPF_NAME") if hasattr(options, "get_attr") else None,
    )


async def remove_filters(kernel: AsyncIPRoute, interface: int) -> int:
    """Remove every filter of our names and say how many there were."""
    ours = [one for one in await ingress_filters(kernel, interface) if one.name in OUR_NAMES]
    for one in ours:
        with suppress_gone():
            await kernel.tc(
                "del-filter",
                "bpf",
                interface,
                one.handle,
                parent=INGRESS,
                prio=one.preference,
                protocol=one.protocol,
            )
    return len(ours)


async def qdiscs(kernel: AsyncIPRoute, interface: int) -> frozenset[str]:
    """Name the kinds of an interface's qdiscs."""
    found = [one async for one in await kernel.tc("dump", index=interface) if one["index"] == interface]
    return frozenset(one.get_attr("TCA_KIND") for one in found)


async def has_clsact(kernel: AsyncIPRoute, interface: int) -> bool:
    return "clsact" in await qdiscs(kernel, interface)


async def remove_idle_clsact(kernel: AsyncIPRoute, interface: int) -> bool:
    """Remove the clsact qdisc unless somebody has put filters on it since."""
    for parent in (INGRESS, EGRESS):
        if any(one.handle for one in await ingress_filters(kernel, interface, parent)):
            return False
    with suppress_gone():
        await kernel.tc("del", "clsact", interface)
        return True
    return False


class suppress_gone(contextlib.AbstractContextManager[None]):  # noqa: N801
    """Suppress a netlink error that says that what we remove is not there any more."""

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        return isinstance(error, NetlinkError) and error.code in GONE
