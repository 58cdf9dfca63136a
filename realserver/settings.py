# SPDX-License-Identifier: Apache-2.0
"""The nouns: each thing on a host that this tool may touch is a key, and what it holds is a value.

A host is then a mapping of keys to values, a change is a key with two values, and undoing is the same change
read backwards. Pure: nothing here knows netlink, files or the terminal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from netaddr import EUI, IPAddress, IPNetwork

MAIN_TABLE = 254
UNICAST = 1  # RTN_UNICAST
PROTOCOL_STATIC = 4  # RTPROT_STATIC: routing daemons leave such routes alone
TUNNEL_DEVICE = (
    "tunl0"  # the ipip module's own device: it accepts from any tunnel that has no device of its own
)
LOOPBACK = "lo"
GUE_PORT = 6080  # the one that GUE is registered with


class Presence(Enum):
    """The value of a thing that is there or not, and the absence of any other."""

    ABSENT = "absent"
    PRESENT = "present"


class LinkState(Enum):
    UP = "up"
    DOWN = "down"


ABSENT = Presence.ABSENT
PRESENT = Presence.PRESENT


@dataclass(frozen=True, slots=True)
class ModuleKey:
    """A kernel module; the one thing that is never undone, since others may use it meanwhile."""

    name: str


@dataclass(frozen=True, slots=True)
class SysctlKey:
    """`net.FAMILY.conf.INTERFACE.NAME`; in parts, because an interface's name may hold dots."""

    family: str
    interface: str
    name: str

    def __str__(self) -> str:
        return f"net.{self.family}.conf.{self.interface}.{self.name}"


@dataclass(frozen=True, slots=True)
class LinkKey:
    name: str


@dataclass(frozen=True, slots=True)
class ClsactKey:
    """The queueing discipline that an ingress program hangs on."""

    interface: str


@dataclass(frozen=True, slots=True)
class DecapKey:
    """This tool's own program at an interface's ingress."""

    interface: str


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What makes the kernel take two routes for the same one."""

    table: int
    destination: IPNetwork
    priority: int
    tos: int = 0

    @property
    def is_default(self) -> bool:
        return int(self.destination.prefixlen) == 0


@dataclass(frozen=True, slots=True)
class RuleKey:
    """`from SOURCE lookup TABLE`."""

    source: IPAddress
    table: int
    priority: int


@dataclass(frozen=True, slots=True)
class AddressKey:
    interface: str
    address: IPAddress
    prefix: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One way of a multipath route."""

    gateway: IPAddress | None
    interface: str
    weight: int
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Everything about a route that its key does not say, so that it can be written back as it was."""

    gateway: IPAddress | None
    interface: str
    source: IPAddress | None = None
    protocol: int = PROTOCOL_STATIC
    scope: int = 0
    kind: int = UNICAST
    flags: int = 0
    metrics: tuple[tuple[str, int | str], ...] = ()
    hops: tuple[Hop, ...] = ()
    realm: int | None = None
    preference: int | None = None
    unwritable: tuple[
        str, ...
    ] = ()  # attributes that this tool cannot write back: such a route is not touched

    @property
    def advmss(self) -> int | None:
        return next((int(value) for name, value in self.metrics if name == "advmss"), None)

    def with_advmss(self, advmss: int) -> Route:
        others = tuple(metric for metric in self.metrics if metric[0] != "advmss")
        return replace(self, metrics=tuple(sorted((*others, ("advmss", advmss)))))


class TunnelType(Enum):
    """What a director wraps packets in; each of them has IPv4 or IPv6 outside, and IPv4 or IPv6 inside."""

    IPIP = "ipip"
    GRE = "gre"
    GUE = "gue"


@dataclass(frozen=True, slots=True)
class Tunnels:
    """The tunnels that a VIP's packets may come in, and the UDP port where GUE is expected."""

    types: tuple[TunnelType, ...] = tuple(TunnelType)
    port: int = GUE_PORT

    def __str__(self) -> str:
        port = f":{self.port}" if self.port != GUE_PORT else ""
        return ",".join(each.value + (port if each is TunnelType.GUE else "") for each in self.types)


ANY_TUNNEL = Tunnels()


@dataclass(frozen=True, slots=True)
class Served:
    """A VIP that the ingress program unwraps for."""

    vip: IPAddress
    tunnels: Tunnels = ANY_TUNNEL

    def __str__(self) -> str:
        return str(self.vip) if self.tunnels == ANY_TUNNEL else f"{self.vip} ({self.tunnels})"


@dataclass(frozen=True, slots=True)
class Decap:
    """What the ingress program unwraps. The kernel tells only the fingerprint, so it alone is compared."""

    fingerprint: str
    endpoints: tuple[IPAddress, ...] = field(default=(), compare=False)
    vips: tuple[Served, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, endpoints: tuple[IPAddress, ...], vips: tuple[Served, ...]) -> Decap:
        text = " ".join((*map(str, endpoints), ">", *map(str, vips)))
        return cls(hashlib.sha256(text.encode()).hexdigest()[:16], endpoints, vips)


Key = ModuleKey | SysctlKey | LinkKey | ClsactKey | DecapKey | RouteKey | RuleKey | AddressKey
Value = Presence | LinkState | Route | Decap | str
Settings = Mapping[Key, Value]


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    address: IPAddress
    prefix: int

    def reaches(self, other: IPAddress) -> bool:
        return other in IPNetwork(f"{self.address}/{self.prefix}")


@dataclass(frozen=True, slots=True)
class Interface:
    name: str
    index: int
    mtu: int
    is_ethernet: bool
    is_up: bool
    mac: EUI | None = None
    addresses: tuple[InterfaceAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What a thing held before this tool first touched it, and every value the tool has given it since.

    A value that is neither is somebody else's later wish: it is left alone, and becomes the new "before".
    """

    key: Key
    original: Value
    ours: tuple[Value, ...]


class IpipSupport(Enum):
    LOADED = "loaded"
    LOADABLE = "loadable"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class HostState:
    """What is so on the host now, and what this tool remembers having changed."""

    interfaces: tuple[Interface, ...]
    settings: Mapping[Key, Value]
    ipip: IpipSupport = IpipSupport.MISSING
    shared_clsact: frozenset[str] = frozenset()  # interfaces whose clsact carries somebody else's filters
    ledger: tuple[LedgerEntry, ...] = ()

    def interface(self, name: str) -> Interface | None:
        return next((interface for interface in self.interfaces if interface.name == name), None)

    def get(self, key: Key) -> Value:
        return self.settings.get(key, ABSENT)


class Method(Enum):
    DR = "dr"
    TUN = "tun"
    NAT = "nat"


class Decapsulation(Enum):
    AUTO = "auto"
    KERNEL = "kernel"
    EBPF = "ebpf"


class Transport(Enum):
    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class Port:
    transport: Transport
    number: int

    def __str__(self) -> str:
        return f"{self.transport.value}/{self.number}"


@dataclass(frozen=True, slots=True)
class Duty:
    """One VIP that this real server answers for, and by which method its packets come."""

    method: Method
    vip: IPAddress
    interface: str
    director: IPAddress | None = None
    source: IPAddress | None = None
    table: int = 0
    endpoints: tuple[IPAddress, ...] = ()
    mtu: int | None = None
    decapsulation: Decapsulation = Decapsulation.AUTO
    tunnels: Tunnels = ANY_TUNNEL
    ports: tuple[Port, ...] = ()  # where `check` expects somebody to listen

    @property
    def identity(self) -> tuple[Method, IPAddress, IPAddress | None]:
        """What makes a later `up` replace this duty rather than add to it."""
        return self.method, self.vip, self.source

    @property
    def binds_vip(self) -> bool:
        return self.method is not Method.NAT


@dataclass(frozen=True, slots=True)
class Wanted:
    duties: tuple[Duty, ...] = ()


NOTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Step:
    """One change to the host."""

    key: Key
    before: Value
    after: Value
