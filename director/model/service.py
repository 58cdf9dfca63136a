# SPDX-License-Identifier: Apache-2.0
"""What is balanced and to whom: virtual services and their destinations.

Pure and frozen. Values are checked where they are parsed (`config/`), not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress, IPNetwork


class Protocol(Enum):
    """A transport protocol; `number` is its IANA protocol number."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"

    @property
    def number(self) -> int:
        return {"tcp": 6, "udp": 17, "sctp": 132}[self.value]


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
    SED = "sed"
    NQ = "nq"
    SH = "sh"
    DH = "dh"
    MH = "mh"
    FO = "fo"
    OVF = "ovf"
    LBLC = "lblc"
    LBLCR = "lblcr"
    TWOS = "twos"
    NONE = "none"


class SchedulerFlag(Enum):
    """A scheduler's option; each belongs to one scheduler, the part before the dash."""

    SH_FALLBACK = "sh-fallback"
    SH_PORT = "sh-port"
    MH_FALLBACK = "mh-fallback"
    MH_PORT = "mh-port"

    @property
    def scheduler(self) -> Scheduler:
        return Scheduler(self.value.split("-")[0])


class TunnelType(Enum):
    """What a tunnel wraps packets in: IP in IP (RFC 2003, 2473, 4213), GRE (RFC 2784) or GUE in UDP."""

    IPIP = "ipip"
    GRE = "gre"
    GUE = "gue"


class TunnelChecksum(Enum):
    """Whether the outer header of GRE or GUE has a checksum (ipvsadm's --tun-nocsum, -csum, -remcsum)."""

    NONE = "none"
    CHECKSUM = "checksum"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """How a destination with the method TUN is wrapped; `port` is GUE's UDP port, else 0."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: TunnelChecksum = TunnelChecksum.NONE


@dataclass(frozen=True, slots=True)
class Persistence:
    """A client keeps its server for `timeout` seconds after its last new connection.

    `mask` says which bits of a client's address tell it from others; None: all of them.
    """

    timeout: int = 360
    mask: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class MarkRule:
    """Packets to these addresses and ports get this firewall mark. `protocol` None: any that is balanced."""

    mark: int
    network: IPNetwork
    protocol: Protocol | None = None
    first_port: int = 0
    last_port: int = 65535

    def __str__(self) -> str:
        ports = (
            "any"
            if (self.first_port, self.last_port) == (0, 65535)
            else f"{self.first_port}-{self.last_port}"
        )
        protocol = self.protocol.value if self.protocol is not None else "any"
        return f"{self.mark} {self.network} protocol {protocol} ports {ports}"


def endpoint(address: IPAddress, port: int) -> str:
    """Write address and port as operators do: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What identifies a virtual service: protocol, VIP and port; or a firewall mark and a family.

    Port 0 stands for all ports. With a `mark` the protocol is TCP, the port 0, and the address the
    unspecified one of the family, as in kernel IPVS.
    """

    protocol: Protocol
    address: IPAddress
    port: int
    mark: int = 0

    @classmethod
    def of_mark(cls, mark: int, version: int = 4) -> ServiceKey:
        """Make the key of a firewall mark's service; `version` 4 or 6 is the family."""
        return cls(Protocol.TCP, IPNetwork("::/0" if version == 6 else "0.0.0.0/0").ip, 0, mark)

    def __str__(self) -> str:
        if self.mark:
            return f"mark{'6' if self.address.version == 6 else ''}:{self.mark}"
        return f"{self.protocol.value}:{endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server within a virtual service. Weight 0 quiesces it: no new connections.

    With `upper` connections or more it is given no new ones, until there are fewer than `lower`; 0: no limit.
    With NAT, port 0 keeps the port that the client asked for. `tunnel` speaks for the method TUN alone.
    """

    address: IPAddress
    port: int
    method: ForwardingMethod
    weight: int = 1
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = Tunnel()

    @property
    def endpoint(self) -> str:
        return endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class VirtualService:
    """A VIP, protocol and port that is balanced; destinations in the order they were added.

    `one_packet` (UDP): each datagram is scheduled anew and nothing is remembered. `timeouts` are its own idle
    times, as (name of a field of Timeouts, seconds), ordered by name.
    """

    key: ServiceKey
    scheduler: Scheduler = Scheduler.WLC
    flags: frozenset[SchedulerFlag] = frozenset()
    destinations: tuple[Destination, ...] = ()
    persistence: Persistence | None = None
    one_packet: bool = False
    timeouts: tuple[tuple[str, int], ...] = ()

    def port_at(self, destination: Destination) -> int:
        """Return the port its packets reach the destination at, 0 for the client's choice.

        Only NAT can change it.
        """
        return destination.port if destination.method is ForwardingMethod.NAT else self.key.port

    def translates(self, destination: Destination) -> bool:
        """Tell whether packets reach the destination by another address or port than the service's."""
        there = destination.address, destination.port
        return destination.method is ForwardingMethod.NAT and there != (self.key.address, self.key.port)

    def destination(self, address: IPAddress, port: int) -> Destination | None:
        """Find the destination with this address and port."""
        return next((d for d in self.destinations if (d.address, d.port) == (address, port)), None)
