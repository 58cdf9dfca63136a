# SPDX-License-Identifier: Apache-2.0
"""Put together what there is to know of an interface before a data path is chosen for it; only read."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.host.drivers import driver
from director.host.offloads import offloads
from director.host.peers import peer_of
from director.host.xdp import xdp_features
from director.model.card import Card


def look_at(index: int) -> Card:
    """Ask the kernel; of an interface that has gone a moment ago nothing is known.

    pyroute2 has a loop of its own where none runs, so a thread asks for those who have one.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_look, index).result()


def _look(index: int) -> Card:
    with suppress(OSError, NetlinkError), IPRoute() as kernel:
        (message, *_) = kernel.get_links(index)
        name = socket.if_indextoname(index)
        return Card(
            name,
            driver(name),
            offloads(name),
            xdp_features(index),
            tuple(_vlans(kernel, index)),
            peer_of(kernel, message),
        )
    return Card(f"interface {index}", None)


def _vlans(kernel: IPRoute, index: int) -> list[str]:
    """Name the VLANs' own interfaces on top of this one."""
    found = kernel.get_links(kind="vlan")
    return sorted(
        message.get_attr("IFLA_IFNAME")
        for message in found
        if message.get_attr("IFLA_LINK") == index and message.get_attr("IFLA_LINK_NETNSID") is None
    )
