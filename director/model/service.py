# SPDX-License-Identifier: Apache-2.0
"""What is balanced and to whom: virtual services and their destinations.

Pure and frozen. Values are checked where they are parsed (`config/`), not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress


class Protocol(Enum):
    """A transport protocol; `number` is its IANA protocol number."""

    TCP = "tcp"
    UDP = "udp"

    @property
    def number(self) -> int:
        return {"tcp": 6, "udp": 17}[self.value]


class ForwardingMethod(Enum):
    """How a packet reaches a real server (ipvsadm's -g, -i and -m)."""

    DR = "dr"
    TUN = "tun"
    NAT = "nat"


class Scheduler(Enum):
    """How a new connection chooses its destination; the names are kernel IPVS's."""

    RR = "rr"
    WRR = "wrr"
    LC = "lc"
    WLC = "wlc"
    SH = "sh"
    MH = "mh"


class SchedulerFlag(Enum):
    """A scheduler's option; each belongs to one scheduler, the part before the dash."""

    SH_FALLBACK = "sh-fallback"
    SH_PORT = "sh-port"
    MH_FALLBACK = "mh-fallback"
    MH_PORT = "mh-port"

    @property
    def scheduler(self) -> Scheduler:
        return Scheduler(self.value.split("-")[0])


def endpoint(address: IPAddress, port: int) -> str:
    """Write address and port as operators do: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What identifies a virtual service: protocol, VIP and port."""

    protocol: Protocol
    address: IPAddress
    port: int

    def __str__(self) -> str:
        return f"{self.protocol.value}:{endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server within a virtual service. Weight 0 quiesces it: no new connections."""

    address: IPAddress
    port: int
    method: ForwardingMethod
    weight: int = 1

    @property
    def endpoint(self) -> str:
        return endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class VirtualService:
    """A VIP, protocol and port that is balanced; destinations in the order they were added."""

    key: ServiceKey
    scheduler: Scheduler = Scheduler.WLC
    flags: frozenset[SchedulerFlag] = frozenset()
    destinations: tuple[Destination, ...] = ()

    def port_at(self, destination: Destination) -> int:
        """Return the port its packets reach the destination at: only NAT can change it."""
        return destination.port if destination.method is ForwardingMethod.NAT else self.key.port

    def destination(self, address: IPAddress, port: int) -> Destination | None:
        """Find the destination with this address and port."""
        return next((d for d in self.destinations if (d.address, d.port) == (address, port)), None)
