# SPDX-License-Identifier: Apache-2.0
"""What must hold between the parts of a topology: names that refer, addresses that differ, cables with two
ends.

Pure: a topology in, faults out as sentences (key, found, expected). Knows nothing of TOML or of the
kernel.
"""

from collections.abc import Callable, Iterator

from lab.topology import Leg, Node, Route, Rule, SegmentKind, ServiceKind, Topology

LONGEST_INTERFACE_NAME = 15
FEWEST_LEGS = {SegmentKind.BRIDGE: 1, SegmentKind.CABLE: 2}


def check(topology: Topology) -> tuple[str, ...]:
    """List every fault of a topology."""
    return tuple(fault for rule in RULES for fault in rule(topology))


def _segments_exist(topology: Topology) -> Iterator[str]:
    known = ", ".join(segment.name for segment in topology.segments)
    names = {segment.name for segment in topology.segments}
    for leg in _legs(topology):
        if leg.interface.segment not in names:
            yield f"{_key(leg)}.segment: found {leg.interface.segment!r}, expected one of {known}"


def _segments_have_legs(topology: Topology) -> Iterator[str]:
    for segment in topology.segments:
        count, fewest = len(topology.legs(segment)), FEWEST_LEGS[segment.kind]
        if count < fewest:
            yield f"segment.{segment.name}: found {count} interfaces in it, expected at least {fewest}"
        if segment.kind is SegmentKind.CABLE and count > 2:
            yield f"segment.{segment.name}: found {count} interfaces in it, expected 2 (it is a cable)"


def _names_differ(topology: Topology) -> Iterator[str]:
    nodes = {node.name for node in topology.nodes}
    for segment in topology.segments:
        if segment.name in nodes:
            yield f"segment.{segment.name}: found a node of the same name, expected names that differ"


def _names_fit(topology: Topology) -> Iterator[str]:
    for leg in _legs(topology):
        if leg.interface.name == "lo":
            yield f"{_key(leg)}: found 'lo', expected another name (every node has its lo)"
        if len(leg.port) > LONGEST_INTERFACE_NAME:
            yield (
                f"{_key(leg)}: found the port name {leg.port!r} ({len(leg.port)} characters), "
                f"expected at most {LONGEST_INTERFACE_NAME}: shorten the node's or the interface's name"
            )


def _addresses_differ(topology: Topology) -> Iterator[str]:
    owners: dict[object, str] = {}
    for leg in _legs(topology):
        values = [address.ip for address in leg.interface.addresses]
        for value in [*values, *([leg.interface.mac] if leg.interface.mac else [])]:
            if value in owners:
                yield f"{_key(leg)}: found {value}, expected an address that {owners[value]} has not"
            owners.setdefault(value, _key(leg))


def _routes_lead_somewhere(topology: Topology) -> Iterator[str]:
    for node in topology.nodes:
        for index, route in enumerate(node.routes):
            fault = _route_fault(node, route)
            if fault:
                yield f"node.{node.name}.route[{index}]: {fault}"


def _route_fault(node: Node, route: Route) -> str | None:
    if route.via is None and route.interface is None:
        return "found neither via nor interface, expected one of them"
    if route.via is not None and route.via.version != route.destination.version:
        return f"found via {route.via} for {route.destination}, expected both of one family"
    if route.interface is not None:
        return _interface_fault(node, route.interface)
    networks = (address for leg in node.interfaces for address in leg.addresses)
    if route.via is not None and not any(route.via in network for network in networks):
        return f"found via {route.via}, expected an address within a network of the node"
    return None


def _interface_fault(node: Node, name: str) -> str | None:
    names = [interface.name for interface in node.interfaces]
    return (
        None if name in names else f"found interface {name!r}, expected one of {', '.join(names) or 'none'}"
    )


def _rules_select(topology: Topology) -> Iterator[str]:
    for node in topology.nodes:
        for index, rule in enumerate(node.rules):
            fault = _rule_fault(node, rule)
            if fault:
                yield f"node.{node.name}.rule[{index}]: {fault}"


def _rule_fault(node: Node, rule: Rule) -> str | None:
    ends = [end for end in (rule.source, rule.destination) if end is not None]
    if not ends:
        return "found neither from nor to, expected one of them"
    if len({end.version for end in ends}) > 1:
        return f"found from {rule.source} to {rule.destination}, expected both of one family"
    if rule.table not in {route.table for route in node.routes}:
        return f"found table {rule.table}, expected a table that a route of the node is in"
    return None


def _neighbours_have_interfaces(topology: Topology) -> Iterator[str]:
    for node in topology.nodes:
        for index, neighbour in enumerate(node.neighbours):
            fault = _interface_fault(node, neighbour.interface)
            if fault:
                yield f"node.{node.name}.neighbour[{index}]: {fault}"


def _services_listen(topology: Topology) -> Iterator[str]:
    for node in topology.nodes:
        for service in node.services:
            key = f"node.{node.name}.service.{service.name}.listen"
            ports = {endpoint.port for endpoint in service.listen}
            if not ports:
                yield f"{key}: found [], expected an address and a port"
            if service.kind is ServiceKind.DNSMASQ and len(ports) > 1:
                yield f"{key}: found ports {sorted(ports)}, expected one port (dnsmasq has no more)"


def _legs(topology: Topology) -> Iterator[Leg]:
    return (Leg(node, interface) for node in topology.nodes for interface in node.interfaces)


def _key(leg: Leg) -> str:
    return f"node.{leg.node.name}.interface.{leg.interface.name}"


RULES: tuple[Callable[[Topology], Iterator[str]], ...] = (
    _segments_exist,
    _segments_have_legs,
    _names_differ,
    _names_fit,
    _addresses_differ,
    _routes_lead_somewhere,
    _rules_select,
    _neighbours_have_interfaces,
    _services_listen,
)
