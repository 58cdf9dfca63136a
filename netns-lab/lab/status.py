# SPDX-License-Identifier: Apache-2.0
"""What a lab is doing, as facts read from the kernel and the lab's directory, shown as JSON or as a table.

Changes nothing. `observe` looks, the rest only renders what it found.
"""

from dataclasses import dataclass

from rich.table import Table

from lab.kernel import Kernel, LinkState, RouteState, link_states, route_states
from lab.paths import LabPaths
from lab.plan import namespace_name
from lab.processes import ProcessRecord, records
from lab.rundir import LabState
from lab.topology import Node, Topology

LOOPBACK = "127.0.0.1/8"
LOOPBACK_V6 = "::1/128"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    pid: int
    label: str
    alive: bool
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    name: str
    namespace: str
    interfaces: tuple[LinkState, ...]
    routes: tuple[RouteState, ...]
    processes: tuple[ProcessStatus, ...]


@dataclass(frozen=True, slots=True)
class LabStatus:
    name: str
    topology: str
    state: str
    directory: str
    nodes: tuple[NodeStatus, ...]


def observe(topology: Topology, paths: LabPaths) -> LabStatus:
    """Look at every node of a lab that is up."""
    started = records(paths)
    with Kernel() as kernel:
        nodes = tuple(_observe_node(node, paths, started, kernel) for node in topology.nodes)
    return LabStatus(paths.name, topology.name, LabState.UP.value, str(paths.root), nodes)


def not_up(topology: str, paths: LabPaths, state: LabState) -> LabStatus:
    """Describe a lab that there is nothing to look at of."""
    return LabStatus(paths.name, topology, state.value, str(paths.root), ())


def _observe_node(
    node: Node, paths: LabPaths, started: tuple[ProcessRecord, ...], kernel: Kernel
) -> NodeStatus:
    namespace = namespace_name(paths.name, node.name)
    own = (entry for entry in started if entry.node == node.name)
    return NodeStatus(
        name=node.name,
        namespace=namespace,
        interfaces=link_states(kernel, namespace),
        routes=route_states(kernel, namespace),
        processes=tuple(ProcessStatus(it.pid, it.label, it.is_alive, it.command) for it in own),
    )


def table(status: LabStatus) -> Table:
    """Show a lab as a table, one row a node."""
    shown = Table(title=f"lab {status.name} ({status.topology}): {status.state}", title_justify="left")
    for column in ("node", "addresses", "routes", "processes"):
        shown.add_column(column)
    for node in status.nodes:
        lines = (_interface_lines(node), _route_lines(node), _process_lines(node))
        shown.add_row(node.name, *("\n".join(column) for column in lines))
    shown.caption = f"logs, captures and the plan: {status.directory}"
    shown.caption_justify = "left"
    return shown


def _interface_lines(node: NodeStatus) -> list[str]:
    return [
        f"{interface.name} {address}"
        for interface in node.interfaces
        for address in interface.addresses
        if address not in {LOOPBACK, LOOPBACK_V6}
    ]


def _route_lines(node: NodeStatus) -> list[str]:
    return [f"{route.destination} via {route.via}" for route in node.routes]


def _process_lines(node: NodeStatus) -> list[str]:
    return [
        f"{process.label} {process.pid if process.alive else '[red]ended[/red]'}"
        for process in node.processes
    ]


def labs_table(labs: tuple[LabStatus, ...], topologies: tuple[Topology, ...]) -> Table:
    """Show the machine's labs, then the topologies that could be brought up."""
    shown = Table("lab", "topology", "state", title="labs", title_justify="left")
    for lab in labs:
        shown.add_row(lab.name, lab.topology, lab.state)
    for topology in topologies:
        shown.add_row("", topology.name, topology.summary, style="dim")
    return shown
