# SPDX-License-Identifier: Apache-2.0
"""The lab's verbs: up, down, status, exec, enter, capture. Parses and prints; the work is done elsewhere."""

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click
from rich.console import Console

from lab import building, rundir, status
from lab.building import Services
from lab.document import TOPOLOGIES, find_topology, read_topology
from lab.endings import end_by_signals
from lab.errors import LabError, TopologyError
from lab.lab import Lab, lab_paths, take_down
from lab.node import RunningNode, environment, tcpdump_command
from lab.paths import BASE, BASE_VARIABLE, LabPaths
from lab.rundir import LabState

FAULT = 1
Verb = TypeVar("Verb", bound=Callable[..., None])


def _places(verb: Verb) -> Verb:
    """Add the options that say which lab is meant."""
    verb = click.option(
        "--name", help="The lab's name, which prefixes its namespaces; default: the topology's."
    )(verb)
    return click.option(
        "--directory",
        type=click.Path(path_type=Path),
        envvar=BASE_VARIABLE,
        default=BASE,
        show_default=True,
        show_envvar=True,
        help="Where each lab has a directory of its name: plan, logs, captures.",
    )(verb)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Build whole networks out of namespaces, and look around in them.

    TOPOLOGY is the name of a shipped one or a path to a .toml file; `status` without it lists both.
    """


@cli.command()
@click.argument("topology")
@click.option(
    "--services/--no-services", "wants_services", default=True, help="Start the nodes' services, or not."
)
@_places
def up(topology: str, name: str | None, directory: Path, *, wants_services: bool) -> None:
    """Build a lab."""
    end_by_signals()
    services = Services.START if wants_services else Services.LEAVE
    lab = Lab.up(topology, name, directory, services)
    counts = f"{len(lab.nodes)} nodes, {len(lab.services)} services"
    click.echo(f"lab {lab.name} is up: {counts}; its logs and captures: {lab.paths.root}")


@cli.command()
@click.argument("topology")
@_places
def down(topology: str, name: str | None, directory: Path) -> None:
    """Take a lab down, or what is left of one."""
    paths = lab_paths(topology, name, directory)
    state = _state(topology, paths)
    take_down(topology, name, directory)
    click.echo(f"lab {paths.name} {'was not up' if state is LabState.ABSENT else 'is down'}")


@cli.command("status")
@click.argument("topology", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_places
def show(topology: str | None, name: str | None, directory: Path, *, as_json: bool) -> None:
    """Show a lab, or all labs and topologies.

    A lab's nodes, addresses, routes and processes; without TOPOLOGY every lab there is, and what could
    be built.
    """
    if topology is None:
        _show_all(_every_lab(directory), as_json=as_json)
        return
    found = _status(topology, lab_paths(topology, name, directory))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        Console().print(status.table(found))


def _status(topology: str, paths: LabPaths) -> status.LabStatus:
    state = _state(topology, paths)
    if state is not LabState.UP:
        return status.not_up(topology, paths, state)
    return status.observe(building.recorded_topology(paths), paths)


def _state(topology: str, paths: LabPaths) -> LabState:
    names = rundir.recorded_namespaces(paths) or building.known_namespaces(
        lambda: find_topology(topology), paths.name
    )
    return rundir.find_traces(paths, names).state


def _every_lab(base: Path) -> tuple[status.LabStatus, ...]:
    directories = sorted(base.iterdir()) if base.is_dir() else []
    every = (LabPaths(base.resolve(), directory.name) for directory in directories)
    return tuple(_status(rundir.recorded_topology_name(paths), paths) for paths in every)


def _show_all(labs: tuple[status.LabStatus, ...], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(lab) for lab in labs], indent=2))
        return
    shipped = tuple(read_topology(path) for path in sorted(TOPOLOGIES.glob("*.toml")))
    Console().print(status.labs_table(labs, shipped))


@cli.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("topology")
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@_places
def execute(topology: str, node: str, command: tuple[str, ...], name: str | None, directory: Path) -> None:
    """Run a command in a node.

    For example: scripts/lab exec mixed client -- curl -sS http://10.0.0.11/
    """
    _become(Lab.attach(topology, name, directory).node(node), command)


@cli.command()
@click.argument("topology")
@click.argument("node")
@_places
def enter(topology: str, node: str, name: str | None, directory: Path) -> None:
    """Open a shell in a node."""
    lab = Lab.attach(topology, name, directory)
    shell = ("bash", "--norc", "-i") if shutil.which("bash") else ("sh", "-i")
    _become(lab.node(node), shell, PS1=f"{lab.name}:{node}# ")


@cli.command()
@click.argument("topology")
@click.argument("node")
@click.argument("interface", default="any")
@click.argument("packets", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-w", "--write", "file", type=click.Path(path_type=Path), help="Default: a new file in captures/."
)
@_places
def capture(
    topology: str,
    node: str,
    interface: str,
    packets: tuple[str, ...],
    file: Path | None,
    name: str | None,
    directory: Path,
) -> None:
    """Capture with tcpdump until interrupted.

    For example: scripts/lab capture mixed rs1 lan -- tcp port 80
    """
    lab = Lab.attach(topology, name, directory)
    place = file or lab.paths.captures / f"{node}-{interface}-{time.strftime('%Y%m%d-%H%M%S')}.pcap"
    click.echo(f"capturing to {place.absolute()}", err=True)
    _become(lab.node(node), tcpdump_command(interface, place.absolute(), packets))


def _become(node: RunningNode, command: tuple[str, ...], **additions: str) -> NoReturn:
    """Turn this process into a command in the node, so that signals and the exit status are the command's."""
    words = node.command(command)
    os.execvpe(words[0], words, environment(additions))  # noqa: S606 - no shell is wanted


def main() -> None:
    """Run a verb; what the user or the machine is at fault for is said in a sentence, without a traceback."""
    try:
        cli(prog_name="lab")
    except (LabError, TopologyError) as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(FAULT)
