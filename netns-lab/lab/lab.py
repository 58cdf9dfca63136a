# SPDX-License-Identifier: Apache-2.0
"""The lab as tests and the demo use it: `with Lab.up("one-arm-dr") as lab: lab.node("client").run([...])`.

A thin face over building.py and node.py; decides nothing but names.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import building
from lab.building import Progress, Services
from lab.document import find_topology, read_topology
from lab.errors import LabError
from lab.kernel import Kernel
from lab.node import Process, RunningBridge, RunningNode
from lab.paths import BASE, BASE_VARIABLE, LabPaths
from lab.plan import namespaces
from lab.topology import SegmentKind, Topology
from lab.wires import Wires, bridge, far_end, settings

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,63}")


def lab_paths(topology: str, name: str | None = None, base: Path | None = None) -> LabPaths:
    """Say where a lab keeps its things: the name defaults to the topology's, the base to NETNS_LAB_DIR."""
    chosen = name or Path(topology).name.removesuffix(".toml")
    if not NAME.fullmatch(chosen):
        raise LabError(f"lab name: found {chosen!r}, expected letters, digits and hyphens, 64 at most")
    return LabPaths((base or Path(os.environ.get(BASE_VARIABLE) or BASE)).resolve(), chosen)


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up. As a context it takes itself down at the end, whatever happened."""

    topology: Topology
    paths: LabPaths
    services: tuple[Process, ...] = ()

    @classmethod
    def up(
        cls,
        topology: str,
        name: str | None = None,
        base: Path | None = None,
        services: Services = Services.START,
        progress: Progress = lambda _step: None,
    ) -> Self:
        """Build a lab from a shipped topology's name or a .toml file; on failure nothing of it stays."""
        source = find_topology(topology)
        parsed = read_topology(source)
        paths = lab_paths(topology, name, base)
        return cls(parsed, paths, building.build(source, parsed, paths, services, progress))

    @classmethod
    def attach(cls, topology: str, name: str | None = None, base: Path | None = None) -> Self:
        """Return a lab that is up already."""
        paths = lab_paths(topology, name, base)
        return cls(building.recorded_topology(paths), paths)

    @property
    def name(self) -> str:
        return self.paths.name

    @property
    def nodes(self) -> tuple[RunningNode, ...]:
        return tuple(RunningNode(node, self.paths) for node in self.topology.nodes)

    @property
    def namespaces(self) -> Sequence[str]:
        return namespaces(self.topology, self.name)

    def node(self, name: str) -> RunningNode:
        """Return a node by its name."""
        return RunningNode(self.topology.node(name), self.paths)

    def far_end(self, node: str, interface: str) -> tuple[RunningNode, str]:
        """Return what is at the other end of a node's wire, and its interface there: all frames pass it,
        also those that a program at the node's driver takes and sends, which no capture at the node sees.
        """
        end = far_end(self.topology, node, interface)
        if end.kind is SegmentKind.BRIDGE:
            return RunningBridge(bridge(end.owner), self.paths), end.interface
        return self.node(end.owner), end.interface

    def set_wires(self, node: str, wires: Wires) -> None:
        """Have the far ends of a node's wires do what XDP at the node needs, or what they do by nature."""
        with Kernel() as kernel:
            for step in settings(self.topology, self.name, node, wires):
                kernel.apply(step)

    def down(self) -> None:
        """Take the lab down; a second time does nothing."""
        building.take_down(self.paths, self.namespaces)
        for service in self.services:
            service.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()


def take_down(topology: str, name: str | None = None, base: Path | None = None) -> None:
    """Take down a lab that another process built, or what is left of it."""
    paths = lab_paths(topology, name, base)
    building.take_down(paths, building.known_namespaces(lambda: find_topology(topology), paths.name))
