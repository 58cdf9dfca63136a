# SPDX-License-Identifier: Apache-2.0
"""What an interface can do and does to frames before a data path sees them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Offload(Enum):
    """An offload by ethtool's name for the feature."""

    GRO = "rx-gro"
    GRO_HW = "rx-gro-hw"
    LRO = "rx-lro"
    TSO = "tx-tcp-segmentation"
    CHECKSUM = "tx-checksum-ip-generic"
    VLAN = "rx-vlan-hw-parse"


class XdpFeature(Enum):
    """What a driver does for XDP; the values are the kernel's bits (linux/netdev.h)."""

    BASIC = 1 << 0
    REDIRECT = 1 << 1
    TRANSMIT = 1 << 2


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth pair. `name` None: it is in a namespace that can not be looked into.

    `entering` is what stands before a command to run it there.
    """

    name: str | None
    entering: str = ""
    offloads: frozenset[Offload] = frozenset()
    mtu: int = 0
    """0 where it is not known."""

    def command(self, *arguments: str) -> str:
        """Write the ethtool command that changes it."""
        return f"{self.entering}ethtool -K {self.name or 'IFNAME'} {' '.join(arguments)}"


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know of an interface; `driver` and `xdp` are None where it does not say."""

    name: str
    driver: str | None
    offloads: frozenset[Offload] = frozenset()
    xdp: frozenset[XdpFeature] | None = None
    vlans: tuple[str, ...] = ()
    peer: Peer | None = None
