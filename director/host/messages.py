# SPDX-License-Identifier: Apache-2.0
"""Read pyroute2's messages into the model's nouns. Pure; nothing else sees a raw message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netaddr import EUI, IPAddress, IPNetwork, mac_unix_expanded

from director.model import Link, Neighbour, OwnAddress, Route, RouteAnswer

ARPHRD_ETHER = 1
IFF_UP, IFF_RUNNING = 0x1, 0x40
RTN_UNICAST, RTN_LOCAL = 1, 2
NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE = 0x02, 0x04, 0x08, 0x10
NUD_FAILED, NUD_NOARP, NUD_PERMANENT = 0x20, 0x40, 0x80
NUD_USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT
AF_INET, AF_INET6 = 2, 10


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address that the host holds, with its prefix length."""

    interface: int
    address: IPAddress
    prefix: int

    def holds(self, other: IPAddress) -> bool:
        """Say whether the other address is in this one's subnet."""
        return other in IPNetwork(f"{self.address}/{self.prefix}")


def link_of(message: Any) -> Link:
    """Read a link; it is up when it is both switched on and has a carrier."""
    running = IFF_UP | IFF_RUNNING
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        mac=_ethernet(message),
        mtu=message.get_attr("IFLA_MTU"),
        up=message["flags"] & running == running,
    )


def _ethernet(message: Any) -> EUI | None:
    address = message.get_attr("IFLA_ADDRESS")
    return _mac(address) if message["ifi_type"] == ARPHRD_ETHER and address else None


def _mac(address: str) -> EUI:
    """Make a MAC that prints as Linux's tools print it."""
    return EUI(address, dialect=mac_unix_expanded)


def is_port(message: Any) -> bool:
    """Say whether the link belongs to a bridge or bond, which then receives its frames."""
    return bool(message.get_attr("IFLA_MASTER"))


def neighbour_of(message: Any) -> Neighbour | None:
    """Read a neighbour; None for what is no IP neighbour (a bridge's forwarding entry, a proxy entry)."""
    address = message.get_attr("NDA_DST")
    if message["family"] not in (AF_INET, AF_INET6) or address is None:
        return None
    mac = message.get_attr("NDA_LLADDR") if message["state"] & NUD_USABLE else None
    return Neighbour(message["ifindex"], IPAddress(address), _mac(mac) if mac and len(mac) == 17 else None)


def address_of(message: Any) -> InterfaceAddress:
    """Read an address; on a point-to-point link the host's own end is IFA_LOCAL."""
    address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return InterfaceAddress(message["index"], IPAddress(address), message["prefixlen"])


def route_of(destination: IPAddress, message: Any, links: Mapping[int, Link]) -> RouteAnswer:
    """Read the kernel's answer to a route query; None where it would not forward (broadcast, multicast)."""
    if message["type"] == RTN_LOCAL:
        return OwnAddress()
    interface = message.get_attr("RTA_OIF")
    source = message.get_attr("RTA_PREFSRC")
    if message["type"] != RTN_UNICAST or interface not in links or source is None:
        return None
    return Route(
        destination=destination,
        interface=interface,
        gateway=_gateway(message),
        source=IPAddress(source),
        mtu=_mtu(message, links[interface].mtu),
    )


def _gateway(message: Any) -> IPAddress | None:
    via = message.get_attr("RTA_VIA")  # a gateway of the other family
    gateway = message.get_attr("RTA_GATEWAY") or (via["addr"] if via else None)
    return IPAddress(gateway) if gateway else None


def _mtu(message: Any, of_link: int) -> int:
    metrics = message.get_attr("RTA_METRICS")
    of_route = metrics.get_attr("RTAX_MTU") if metrics else None
    return min(of_route, of_link) if of_route else of_link
