# SPDX-License-Identifier: Apache-2.0
"""The nouns of a network lab: what a topology consists of, frozen and already parsed.

Knows addresses and names only. Must not know TOML (document.py), the order of building (plan.py) or the
kernel.
"""

from dataclasses import dataclass
from enum import Enum

from netaddr import EUI, IPAddress, IPNetwork

from lab.errors import TopologyError

MAIN_TABLE = 254
RULE_PRIORITY = 1000
ETHERNET_MTU = 1500
BRIDGE = "br0"


class SegmentKind(Enum):
    """How the legs of a segment are joined: by a bridge in a namespace of its own, or by one veth pair."""

    BRIDGE = "bridge"
    CABLE = "cable"


class ServiceKind(Enum):
    """The real programs that the lab knows how to configure and start."""

    NGINX = "nginx"
    DNSMASQ = "dnsmasq"


class Protocol(Enum):
    """A transport whose listening ports the lab can wait for."""

    TCP = "tcp"
    UDP = "udp"


class Offload(Enum):
    """An interface's offload, by ethtool's short name; `kernel_name` is the name ethtool -k prints."""

    RX = "rx"
    TX = "tx"
    SG = "sg"
    TSO = "tso"
    GSO = "gso"
    GRO = "gro"

    @property
    def kernel_name(self) -> str:
        return OFFLOAD_KERNEL_NAMES[self]


OFFLOAD_KERNEL_NAMES = {
    Offload.RX: "rx-checksumming",
    Offload.TX: "tx-checksumming",
    Offload.SG: "scatter-gather",
    Offload.TSO: "tcp-segmentation-offload",
    Offload.GSO: "generic-segmentation-offload",
    Offload.GRO: "generic-receive-offload",
}


class Switch(Enum):
    """The two states of an offload."""

    ON = True
    OFF = False


@dataclass(frozen=True, slots=True)
class OffloadSetting:
    offload: Offload
    state: Switch


@dataclass(frozen=True, slots=True)
class Segment:
    """An Ethernet segment: every interface that names it hears the others."""

    name: str
    kind: SegmentKind
    mtu: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A node's leg in a segment."""

    name: str
    segment: str
    addresses: tuple[IPNetwork, ...]
    mtu: int | None
    mac: EUI | None
    offloads: tuple[OffloadSetting, ...]


@dataclass(frozen=True, slots=True)
class Route:
    destination: IPNetwork
    via: IPAddress | None
    interface: str | None
    table: int
    advertised_mss: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule: packets from `source` (or to `destination`) look their route up in `table`."""

    source: IPNetwork | None
    destination: IPNetwork | None
    table: int
    priority: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A permanent neighbour entry."""

    address: IPAddress
    mac: EUI
    interface: str


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting, with dots in its key as sysctl(8) writes it."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a port to listen on."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Service:
    """A program that the lab starts in a node, answering with the node's name."""

    name: str
    kind: ServiceKind
    listen: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A machine: one network namespace."""

    name: str
    interfaces: tuple[Interface, ...]
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    neighbours: tuple[Neighbour, ...]
    sysctls: tuple[Sysctl, ...]
    nameservers: tuple[IPAddress, ...]
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """An interface together with the node that it belongs to."""

    node: Node
    interface: Interface

    @property
    def port(self) -> str:
        """Name the segment's end of the leg."""
        return f"{self.node.name}-{self.interface.name}"


@dataclass(frozen=True, slots=True)
class Topology:
    name: str
    summary: str
    segments: tuple[Segment, ...]
    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise TopologyError(f"topology {self.name}: no node {name!r}, expected one of {known}")

    def legs(self, segment: Segment) -> tuple[Leg, ...]:
        """List the interfaces in a segment, in the order of the file."""
        return tuple(
            Leg(node, interface)
            for node in self.nodes
            for interface in node.interfaces
            if interface.segment == segment.name
        )
