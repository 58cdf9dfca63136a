# SPDX-License-Identifier: Apache-2.0
"""Undo what a director left that was killed or told to leave it: filters (known by name), qdiscs and
addresses (known by its journal), pins (by its identity), its socket and its files.

A living director's things are left alone: it answers on its socket, and it holds its interfaces. What was
undone and what was left alone is returned as sentences; where going on would do harm, it is a DaemonError.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyroute2 import AsyncIPRoute

from director.daemon.errors import DaemonError
from director.daemon.identity import identity_of
from director.daemon.journal import (
    Borrowed,
    is_begun_journal,
    journal_path,
    namespace_exists,
    own_namespace,
    read_journal,
)
from director.daemon.record import is_begun_record, is_record, record_path
from director.daemon.replacing import unfinished
from director.datapath.attachment import (
    OUR_NAMES,
    has_clsact,
    hold_interface,
    ingress_filters,
    remove_filters,
    remove_idle_clsact,
)
from director.datapath.errors import DatapathError
from director.datapath.pins import find_pins
from director.host.addresses import remove_address


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What was removed, and what was found and left alone, a sentence each."""

    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __add__(self, other: CleanUp) -> CleanUp:
        return CleanUp(self.undone + other.undone, self.left + other.left)


async def clean_up(control_socket: Path) -> CleanUp:
    """Remove all that a director with this socket, or any dead one in this namespace, left; say what."""
    refuse_while_running(control_socket)
    borrowed, said = find_borrowed(control_socket)
    async with AsyncIPRoute() as kernel:
        names = {one["index"]: one.get_attr("IFLA_IFNAME") async for one in await kernel.link("dump")}
        said += await _filters(kernel, names)
        said += await _qdiscs(kernel, names, borrowed.qdiscs)
        said += CleanUp(_pins(identity_of(own_namespace(), control_socket)))
        said += CleanUp(await _addresses(kernel, names, borrowed))
    return said + _files(control_socket)


def refuse_while_running(control_socket: Path) -> None:
    """Raise DaemonError when a director answers on this socket."""
    with socket.socket(socket.AF_UNIX) as probe, suppress(FileNotFoundError, ConnectionRefusedError):
        probe.connect(str(control_socket))
        raise DaemonError(errno.EBUSY, f"a director is running on {control_socket}; `director stop` ends it")


def find_borrowed(control_socket: Path) -> tuple[Borrowed, CleanUp]:
    """Read what a director noted that is no more, and say what is wrong with it."""
    path = journal_path(control_socket)
    nothing = Borrowed(own_namespace(), 0)
    try:
        found = read_journal(path)
    except ValueError as error:
        return nothing, CleanUp(left=(f"{path} is {error}; what it may have named stays",))
    if found is None or found.namespace == own_namespace():
        return found or nothing, CleanUp()
    if namespace_exists(found.namespace):
        raise DaemonError(
            errno.EXDEV,
            f"{path} was left by a director (process {found.pid}) in another network namespace: "
            "run `director cleanup` there, or give another --socket",
        )
    gone = f"the network namespace that {path} speaks of is gone, and all in it"
    return nothing, CleanUp((gone, *_pins(identity_of(found.namespace, control_socket))))


def _pins(identity: str) -> tuple[str, ...]:
    found = find_pins(identity)
    for pins in found:
        pins.remove()
    return tuple(f"removed the pins in {pins.name}" for pins in found)


async def _filters(kernel: AsyncIPRoute, names: Mapping[int, str]) -> CleanUp:
    said = CleanUp()
    for index, name in names.items():
        found = sorted({str(one.name) for one in await ingress_filters(kernel, index)} & OUR_NAMES)
        if not found:
            continue
        try:
            with hold_interface(index):
                await remove_filters(kernel, index)
        except DatapathError as error:
            said += CleanUp(left=(f"left the filter on {name} alone: {error}",))
        else:
            said += CleanUp((f"removed the filter {', '.join(found)} from {name}",))
    return said


async def _qdiscs(kernel: AsyncIPRoute, names: Mapping[int, str], qdiscs: frozenset[int]) -> CleanUp:
    said = CleanUp()
    for index in sorted(qdiscs & names.keys()):
        if not await has_clsact(kernel, index):
            continue
        if await remove_idle_clsact(kernel, index):
            said += CleanUp((f"removed the clsact qdisc from {names[index]}",))
        else:
            said += CleanUp(left=(f"left the clsact qdisc on {names[index]}: somebody else uses it now",))
    return said


async def _addresses(kernel: AsyncIPRoute, names: Mapping[int, str], borrowed: Borrowed) -> tuple[str, ...]:
    return tuple(
        [
            f"removed the address {held.address} from {names[held.interface]}"
            for held in sorted(borrowed.addresses, key=lambda one: one.address)
            if held.interface in names and await remove_address(kernel, held)
        ]
    )


def _files(control_socket: Path) -> CleanUp:
    files = (control_socket, journal_path(control_socket), record_path(control_socket))
    left = [path for path in files if _is_ours(path)]
    for path in left:
        path.unlink(missing_ok=True)
    record = record_path(control_socket)
    odd = (f"left {record} alone: it is a directory",) if record.is_dir() else ()
    removed = tuple(f"removed {path}" for path in left)
    return CleanUp(removed + remove_unfinished(control_socket), odd)


def remove_unfinished(control_socket: Path) -> tuple[str, ...]:
    """Remove files that a director was writing when it was killed."""
    journal = unfinished(journal_path(control_socket))
    record = unfinished(record_path(control_socket))
    left = [
        path
        for path, is_begun in ((journal, is_begun_journal), (record, is_begun_record))
        if path.is_file() and is_begun(path)
    ]
    for path in left:
        path.unlink(missing_ok=True)
    return tuple(f"removed {path}, which was not finished" for path in left)


def _is_ours(path: Path) -> bool:
    """Say whether this is a socket, journal or record: a mistyped --socket must cost nobody a file."""
    with suppress(ValueError):
        return path.is_socket() or (path.is_file() and (is_record(path) or read_journal(path) is not None))
    return False
