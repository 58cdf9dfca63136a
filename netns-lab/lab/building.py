# SPDX-License-Identifier: Apache-2.0
"""A plan carried out, and a lab taken down: the order of things on a real machine.

Decides only what is safe: whether a lab may be built where something was found. Network steps are
kernel.py's, files rundir.py's, programs node.py's.
"""

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path

from lab import processes, rundir
from lab.document import TOPOLOGIES, read_topology
from lab.errors import LabError, TopologyError
from lab.kernel import Kernel, existing_namespaces, remove_namespace
from lab.node import Process, RunningNode
from lab.paths import BASE, LabPaths
from lab.plan import FurnishNode, StartService, Step, make_plan, namespaces
from lab.rooms import RESOLVER, furnish_command
from lab.rundir import LabState
from lab.topology import Topology


class Services(Enum):
    """Whether the services that a topology declares are started with the lab."""

    START = "start"
    LEAVE = "leave"


Progress = Callable[[Step], None]


def build(
    source: Path, topology: Topology, paths: LabPaths, services: Services, progress: Progress
) -> tuple[Process, ...]:
    """Build a lab and return the services it started; on any failure nothing of it stays."""
    names = namespaces(topology, paths.name)
    refuse_if_present(paths, names, source)
    rundir.claim(paths)
    try:
        plan = make_plan(topology, paths)
        rundir.record_plan(paths, source, topology, names, plan)
        wanted = [step for step in plan if services is Services.START or not isinstance(step, StartService)]
        started = _carry_out(wanted, topology, paths, progress)
        paths.complete.touch()
    except BaseException:
        take_down(paths, names)
        raise
    return started


def refuse_if_present(paths: LabPaths, names: Sequence[str], source: Path) -> None:
    """Refuse to build over anything that is there of a lab of this name."""
    traces = rundir.find_traces(paths, names)
    command = down_command(source, paths)
    if traces.state is LabState.UP:
        raise LabError(f"lab {paths.name} is up already; take it down with: {command}")
    if traces.state is LabState.HALF:
        raise LabError(f"lab {paths.name} is half-cleaned: found {traces}; clean it with: {command}")


def down_command(source: Path, paths: LabPaths) -> str:
    """Say the shortest command that takes a lab down."""
    words = ["scripts/lab", "down", source.stem if source.parent == TOPOLOGIES else str(source)]
    words += ["--name", paths.name] if paths.name != source.stem else []
    words += ["--directory", str(paths.base)] if paths.base != BASE else []
    return shlex.join(words)


def _carry_out(
    plan: Sequence[Step], topology: Topology, paths: LabPaths, progress: Progress
) -> tuple[Process, ...]:
    target = RESOLVER.resolve() if RESOLVER.exists() else None
    started = []
    with Kernel() as kernel:
        for step in plan:
            progress(step)
            match step:
                case FurnishNode():
                    _furnish(step, paths, target)
                case StartService():
                    started.append(RunningNode(topology.node(step.node), paths).start_step(step))
                case _:
                    kernel.apply(step)
    return tuple(started)


def _furnish(step: FurnishNode, paths: LabPaths, resolver_target: Path | None) -> None:
    step.run.mkdir(parents=True)
    step.resolver.write_text("".join(f"nameserver {address}\n" for address in step.nameservers))
    step.mount.touch()
    command = furnish_command(step, paths.root, resolver_target)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"node {step.node}: its mount namespace could not be made: {done.stderr.strip()}")


def take_down(paths: LabPaths, names: Sequence[str]) -> None:
    """End the lab's processes and remove its namespaces and its directory, as much as there is of them."""
    for entry in reversed(processes.records(paths)):
        processes.end(entry)
    every = tuple(dict.fromkeys((*rundir.recorded_namespaces(paths), *names)))
    processes.end_inhabitants(every)
    for name in existing_namespaces() & set(every):
        remove_namespace(name)
    rundir.remove(paths)


def recorded_topology(paths: LabPaths) -> Topology:
    """Read the topology that a running lab was built from."""
    if not paths.complete.exists():
        state = "half-cleaned" if paths.root.exists() else "not up"
        raise LabError(f"lab {paths.name} is {state}: nothing complete in {paths.root}")
    return replace(read_topology(paths.topology), name=rundir.recorded_topology_name(paths))


def known_namespaces(source: Callable[[], Path], lab: str) -> tuple[str, ...]:
    """Name a lab's namespaces by its topology's file, or none where the file is gone or wrong by now."""
    try:
        return namespaces(read_topology(source()), lab)
    except TopologyError:
        return ()
