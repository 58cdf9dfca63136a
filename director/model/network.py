# SPDX-License-Identifier: Apache-2.0
"""What the kernel knows of the network: links, routes, neighbours, and the next hop they add up to."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import EUI, IPAddress


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. `mac` is None where the link layer has none (lo, tun)."""

    index: int
    name: str
    mac: EUI | None
    mtu: int
    up: bool


@dataclass(frozen=True, slots=True)
class Route:
    """The kernel's answer to "how would you send to `destination`?". `gateway` None: it is on the link."""

    destination: IPAddress
    interface: int
    gateway: IPAddress | None
    source: IPAddress
    mtu: int

    @property
    def neighbour(self) -> IPAddress:
        """Return the address whose MAC the frame must carry."""
        return self.gateway if self.gateway is not None else self.destination


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """The kernel's answer where `destination` is an address of this host, whose own stack is the server."""


RouteAnswer = Route | OwnAddress | None
"""What the kernel answers; None is no route."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of the neighbour table; `mac` is None while it is unresolved or has failed."""

    interface: int
    address: IPAddress
    mac: EUI | None


@dataclass(frozen=True, slots=True)
class NextHop:
    """All that the data path needs to send to a destination, resolved ahead of traffic."""

    interface: int
    source_mac: EUI
    destination_mac: EUI
    source: IPAddress
    mtu: int


Way = NextHop | OwnAddress
"""Where packets to a destination go: to a next hop, or to the director's own stack."""
