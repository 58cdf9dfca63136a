# SPDX-License-Identifier: Apache-2.0
"""A node's wires: what is at their other ends, and what must be set there for a program at the node's driver.

Pure: a topology in, names and steps out. The other end of a veth pair is the hardware: what it leaves undone,
checksums for one, nobody does before such a program (XDP), and if it does not poll, what the program sends is
lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from lab.plan import SetOffload, namespace_name
from lab.topology import Leg, Node, Offload, OffloadSetting, SegmentKind, Switch, Topology


class Wires(Enum):
    """What a node's wires carry."""

    PLAIN = (OffloadSetting(Offload.TX, Switch.OFF), OffloadSetting(Offload.GRO, Switch.ON))
    """Frames with their checksums filled in, and receivers that poll."""
    OFFLOADED = (OffloadSetting(Offload.TX, Switch.ON), OffloadSetting(Offload.GRO, Switch.OFF))
    """What veth does by itself: large frames, and checksums left to hardware."""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The other end of a wire: an interface of a node or, where the segment is a bridge, one of its ports."""

    owner: str  # a node, or the segment
    interface: str
    kind: SegmentKind


def far_end(topology: Topology, node: str, interface: str) -> FarEnd:
    """Say what is at the other end of a node's wire."""
    its = topology.node(node)
    leg = next(Leg(its, one) for one in its.interfaces if one.name == interface)
    segment = next(one for one in topology.segments if one.name == leg.interface.segment)
    if segment.kind is SegmentKind.BRIDGE:
        return FarEnd(segment.name, leg.port, segment.kind)
    [other] = [one for one in topology.legs(segment) if one != leg]
    return FarEnd(other.node.name, other.interface.name, segment.kind)


def settings(topology: Topology, lab: str, node: str, wires: Wires) -> Iterator[SetOffload]:
    """Say what makes a node's wires carry this."""
    for interface in topology.node(node).interfaces:
        end = far_end(topology, node, interface.name)
        for setting in wires.value:
            yield SetOffload(namespace_name(lab, end.owner), end.interface, setting)


def bridge(segment: str) -> Node:
    """Describe a segment's bridge as a node; its ports are no legs."""
    return Node(segment, (), (), (), (), (), (), ())
