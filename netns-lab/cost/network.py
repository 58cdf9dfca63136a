# SPDX-License-Identifier: Apache-2.0
"""The network that test runs need: a namespace of this process's own, which goes with it."""

from __future__ import annotations

import ctypes
import os

from netaddr import EUI
from pyroute2 import IPRoute

from lab import LabError

CLONE_NEWNET = 0x40000000
INTERFACE = 3  # its index: frames come and go by it
MAC, PEER = EUI("02-00-00-00-01-01"), EUI("02-00-00-00-01-02")
MTU = 1500


def enter() -> None:
    """Move this process to a namespace of its own with a pair of interfaces that are up."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.unshare is Python 3.12's
    if libc.unshare(CLONE_NEWNET):
        raise LabError(f"no network namespace: {os.strerror(ctypes.get_errno())} (run as root)")
    with IPRoute() as ip:
        ip.link("add", ifname="near", kind="veth", index=INTERFACE, address=colons(MAC),
                peer={"ifname": "far", "address": colons(PEER)})  # fmt: skip
        for name in ("near", "far"):
            (index,) = ip.link_lookup(ifname=name)
            ip.link("set", index=index, state="up")


def colons(mac: EUI) -> str:
    return str(mac).replace("-", ":").lower()
