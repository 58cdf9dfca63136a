# SPDX-License-Identifier: Apache-2.0
"""The smallest lab there is: this process inside a namespace of its own, joined to a peer's by one veth pair.

For tests of what talks to the kernel itself. Whole networks with processes in them are netns-lab's business.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyroute2 import IPRoute, netns

COUNTER = itertools.count()
OUR_MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
ETH_P_ALL = 0x0003
DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Where the test is: `inside` is our interface's index; the peer's interface has the same name there."""

    namespace: str
    peer_namespace: str
    inside: int
    name: str = "eth0"

    @contextlib.contextmanager
    def peer(self) -> Iterator[None]:
        """Be the peer for a while."""
        netns.pushns(self.peer_namespace)
        try:
            yield
        finally:
            netns.popns()

    def listen(self, protocol: int = ETH_P_ALL) -> socket.socket:
        """Open a packet socket on eth0 of the namespace we are in now."""
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
        listener.bind((self.name, protocol))
        listener.settimeout(DEADLINE)
        return listener

    def peer_socket(self) -> socket.socket:
        with self.peer():
            return self.listen()


@contextlib.contextmanager
def segment(ours: str = "10.0.0.1/24", theirs: str = "10.0.0.2/24") -> Iterator[Segment]:
    """Make both namespaces, enter ours, and take everything down again."""
    stem = f"segment{os.getpid()}-{next(COUNTER)}"
    here, there = f"{stem}-here", f"{stem}-there"
    for name in (here, there):
        netns.create(name)
    netns.pushns(here)
    try:
        inside = _join(there)
        _configure(OUR_MAC, ours)
        with Segment(here, there, inside).peer():
            _configure(PEER_MAC, theirs)
        yield Segment(here, there, inside)
    finally:
        netns.popns()
        for name in (here, there):
            netns.remove(name)


def _join(there: str) -> int:
    with IPRoute() as kernel:
        peer = {"ifname": "eth0", "net_ns_fd": there}
        kernel.link("add", ifname="eth0", kind="veth", peer=peer)
        return int(kernel.link_lookup(ifname="eth0")[0])


def _configure(mac: str, address: str) -> None:
    with IPRoute() as kernel:
        index = kernel.link_lookup(ifname="eth0")[0]
        kernel.link("set", index=kernel.link_lookup(ifname="lo")[0], state="up")
        kernel.link("set", index=index, address=mac, state="up")
        kernel.addr("add", index=index, address=address.split("/")[0], prefixlen=int(address.split("/")[1]))


def eventually(true: Callable[[], object], what: str = "", deadline: float = DEADLINE) -> None:
    """Wait until the condition holds; say what did not come to pass."""
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, what or "it did not come to pass in time"
        time.sleep(0.01)
