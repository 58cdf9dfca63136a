# SPDX-License-Identifier: Apache-2.0
"""What must be done to build a lab, and in which order: a topology in, a tuple of frozen steps out.

Pure: decides, does nothing. Knows no kernel interface; kernel.py carries out the network steps,
building.py the rest. Everything is built inside namespaces of the lab's own, down to the bridges, so that
labs cannot collide and the host's network is never touched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netaddr import EUI, IPAddress, IPNetwork

from lab.paths import LabPaths
from lab.services import Program, render
from lab.topology import (
    BRIDGE,
    Interface,
    Leg,
    Neighbour,
    Node,
    OffloadSetting,
    Route,
    Rule,
    Segment,
    SegmentKind,
    Service,
    Sysctl,
    Topology,
)

# A new namespace inherits some of these from the host, so a lab would differ from machine to machine.
BASELINE = tuple(
    Sysctl(key, value)
    for key, value in (
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        ("net.ipv4.conf.all.arp_ignore", "0"),
        ("net.ipv4.conf.default.arp_ignore", "0"),
        ("net.ipv4.conf.all.arp_announce", "0"),
        ("net.ipv4.conf.default.arp_announce", "0"),
        ("net.ipv6.conf.all.disable_ipv6", "0"),
        ("net.ipv6.conf.all.forwarding", "0"),
        ("net.ipv6.conf.default.accept_ra", "0"),
        ("net.ipv6.conf.default.accept_dad", "0"),
    )
)
# A bridge of a lab is a wire: it has no address of its own and says nothing.
SILENCE = (
    Sysctl("net.ipv6.conf.all.disable_ipv6", "1"),
    Sysctl("net.ipv6.conf.default.disable_ipv6", "1"),
)


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    namespace: str


@dataclass(frozen=True, slots=True)
class SetSysctl:
    namespace: str
    sysctl: Sysctl


@dataclass(frozen=True, slots=True)
class CreateBridge:
    namespace: str
    name: str
    mtu: int


@dataclass(frozen=True, slots=True)
class End:
    """One end of a veth pair."""

    namespace: str
    name: str
    mtu: int
    mac: EUI | None


@dataclass(frozen=True, slots=True)
class CreateCable:
    near: End
    far: End


@dataclass(frozen=True, slots=True)
class AttachToBridge:
    namespace: str
    port: str
    bridge: str


@dataclass(frozen=True, slots=True)
class SetOffload:
    namespace: str
    interface: str
    setting: OffloadSetting


@dataclass(frozen=True, slots=True)
class AddAddress:
    namespace: str
    interface: str
    address: IPNetwork


@dataclass(frozen=True, slots=True)
class SetUp:
    namespace: str
    interface: str


@dataclass(frozen=True, slots=True)
class AddNeighbour:
    namespace: str
    neighbour: Neighbour


@dataclass(frozen=True, slots=True)
class AddRoute:
    namespace: str
    route: Route


@dataclass(frozen=True, slots=True)
class AddRule:
    namespace: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class FurnishNode:
    """Give a node its own mount namespace: /sys of its network, /run and /etc/resolv.conf of its own."""

    node: str
    namespace: str
    mount: Path
    run: Path
    resolver: Path
    nameservers: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class StartService:
    node: str
    service: str
    program: Program


NetworkStep = (
    CreateNamespace
    | SetSysctl
    | CreateBridge
    | CreateCable
    | AttachToBridge
    | SetOffload
    | AddAddress
    | SetUp
    | AddNeighbour
    | AddRoute
    | AddRule
)
Step = NetworkStep | FurnishNode | StartService


def namespace_name(lab: str, part: str) -> str:
    """Name the namespace of a node or a bridge; parts have no hyphen, so no two labs make the same name."""
    return f"{lab}-{part}"


def namespaces(topology: Topology, lab: str) -> tuple[str, ...]:
    """List the namespaces of a lab, nodes first."""
    bridges = [segment.name for segment in topology.segments if segment.kind is SegmentKind.BRIDGE]
    return tuple(namespace_name(lab, part) for part in [*(node.name for node in topology.nodes), *bridges])


def make_plan(topology: Topology, paths: LabPaths) -> tuple[Step, ...]:
    """Say every step that builds the lab, services last."""
    lab = paths.name
    steps: list[Step] = [CreateNamespace(name) for name in namespaces(topology, lab)]
    for node in topology.nodes:
        steps += _first_sysctls(node, namespace_name(lab, node.name))
    for segment in topology.segments:
        steps += _join(topology, segment, lab)
    for node in topology.nodes:
        steps += _configure(node, namespace_name(lab, node.name))
    for node in topology.nodes:
        steps.append(_furnish(node, paths))
    steps += [start_step(node, service, paths) for node in topology.nodes for service in node.services]
    return tuple(steps)


def start_step(node: Node, service: Service, paths: LabPaths) -> StartService:
    """Say how a node's service is started."""
    return StartService(node.name, service.name, render(node, service, paths))


def _is_for_new_interfaces(sysctl: Sysctl) -> bool:
    return ".default." in sysctl.key


def _first_sysctls(node: Node, namespace: str) -> Iterator[Step]:
    """Set what interfaces inherit at birth before there is any."""
    for sysctl in [*BASELINE, *filter(_is_for_new_interfaces, node.sysctls)]:
        yield SetSysctl(namespace, sysctl)


def _join(topology: Topology, segment: Segment, lab: str) -> Iterator[Step]:
    legs = topology.legs(segment)
    if segment.kind is SegmentKind.CABLE:
        near, far = legs
        yield CreateCable(_own_end(near, segment, lab), _own_end(far, segment, lab))
        return
    namespace = namespace_name(lab, segment.name)
    for sysctl in SILENCE:
        yield SetSysctl(namespace, sysctl)
    yield CreateBridge(namespace, BRIDGE, segment.mtu)
    for leg in legs:
        yield CreateCable(_own_end(leg, segment, lab), End(namespace, leg.port, segment.mtu, None))
        yield AttachToBridge(namespace, leg.port, BRIDGE)
        yield SetUp(namespace, leg.port)
    yield SetUp(namespace, BRIDGE)


def _own_end(leg: Leg, segment: Segment, lab: str) -> End:
    interface = leg.interface
    return End(
        namespace_name(lab, leg.node.name), interface.name, interface.mtu or segment.mtu, interface.mac
    )


def _configure(node: Node, namespace: str) -> Iterator[Step]:
    yield SetUp(namespace, "lo")
    for interface in node.interfaces:
        yield from _configure_interface(interface, namespace)
    for sysctl in node.sysctls:
        if not _is_for_new_interfaces(sysctl):
            yield SetSysctl(namespace, sysctl)
    for neighbour in node.neighbours:
        yield AddNeighbour(namespace, neighbour)
    for route in node.routes:
        yield AddRoute(namespace, route)
    for rule in node.rules:
        yield AddRule(namespace, rule)


def _configure_interface(interface: Interface, namespace: str) -> Iterator[Step]:
    for setting in interface.offloads:
        yield SetOffload(namespace, interface.name, setting)
    for address in interface.addresses:
        yield AddAddress(namespace, interface.name, address)
    yield SetUp(namespace, interface.name)


def _furnish(node: Node, paths: LabPaths) -> FurnishNode:
    return FurnishNode(
        node=node.name,
        namespace=namespace_name(paths.name, node.name),
        mount=paths.mount(node.name),
        run=paths.node_run(node.name),
        resolver=paths.resolver(node.name),
        nameservers=node.nameservers,
    )
