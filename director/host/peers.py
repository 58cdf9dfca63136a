# SPDX-License-Identifier: Apache-2.0
"""Look at the other end of a veth pair, in whatever network namespace it is; nothing there is changed.

A link names its peer by an index in a namespace that the kernel numbers. Which one that is is found among the
named ones (`ip netns`) and those of processes; one that is neither, or that we may not enter, stays unknown.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.host.offloads import offloads
from director.model.card import Peer

CLONE_NEWNET = 0x40000000
NAMED = Path("/run/netns")
PROCESSES = Path("/proc")

T = TypeVar("T")


def peer_of(kernel: IPRoute, message: Any) -> Peer | None:
    """Look at the peer of a link, which was read as `message`; None where it is no end of a pair."""
    link = message.get_attr("IFLA_LINKINFO")
    index = message.get_attr("IFLA_LINK")
    if link is None or link.get_attr("IFLA_INFO_KIND") != "veth" or not index:
        return None
    number = message.get_attr("IFLA_LINK_NETNSID")
    if number is None:
        return _look(index, "")
    for path, entering in _namespaces():
        with suppress(OSError, NetlinkError), path.open() as namespace:
            if kernel.get_netnsid(fd=namespace.fileno())["nsid"] == number:
                return within(namespace.fileno(), partial(_look, index, entering))
    return Peer(None)


def within(namespace: int, do: Callable[[], T]) -> T:
    """Call something in another network namespace; OSError where we may not enter it."""

    def enter() -> T:
        library = ctypes.CDLL(None, use_errno=True)
        if library.setns(namespace, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return do()

    with ThreadPoolExecutor(max_workers=1) as thread:  # a namespace is a thread's, and this one ends
        return thread.submit(enter).result()


def _look(index: int, entering: str) -> Peer:
    name = socket.if_indextoname(index)
    with IPRoute() as kernel:
        (message, *_) = kernel.get_links(index)
    return Peer(name, entering, offloads(name), message.get_attr("IFLA_MTU") or 0)


def _namespaces() -> Iterator[tuple[Path, str]]:
    """List the namespaces that can be found, each with what enters it; one for each namespace is enough."""
    if NAMED.is_dir():
        yield from ((path, f"ip netns exec {path.name} ") for path in sorted(NAMED.iterdir()))
    seen = set[str]()
    for process in sorted(PROCESSES.glob("[0-9]*"), key=lambda path: int(path.name)):
        path = process / "ns/net"
        with suppress(OSError):
            inode = str(path.readlink())
            if inode not in seen:
                seen.add(inode)
                yield path, f"nsenter --net={path} "
