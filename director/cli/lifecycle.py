# SPDX-License-Identifier: Apache-2.0
"""`director run`, `stop` and `cleanup`: a director's beginning and end.

The daemon is imported when it is run; what it does is its own business.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import click

from director.cli import printing
from director.cli.calling import Failure, client, socket_path
from director.cli.options import as_json, interface_names, socket_again, words
from director.control import client as control
from director.control.client import Client, Json, RefusedError
from director.model.configuration import DatapathKind

LOG_FORMATS = ("text", "json")
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The configuration; without it, start empty.")
@click.option("--datapath", type=words(DatapathKind), help="Which code carries the packets.  [default: auto]")
@click.option(
    "--interface", "interfaces", metavar="IFNAME", multiple=True, callback=interface_names,
    help="An interface to carry packets on; repeatable. Else the file's, else every Ethernet one that is up.",
)  # fmt: skip
@socket_again
@click.option(
    "--log-format", type=click.Choice(LOG_FORMATS), default="text", show_default=True,
    help="For people, or a JSON object a line.",
)  # fmt: skip
@click.pass_context
def run(
    context: click.Context,
    config: Path | None,
    datapath: str | None,
    interfaces: tuple[str, ...],
    log_format: str,
) -> None:
    """Run the director in the foreground.

    SIGTERM ends it cleanly, SIGUSR1 too but leaves forwarding on where the data path can, SIGHUP reads the
    configuration file again. What --datapath and --interface say wins over the file.
    """
    _need_root("run", "for packet sockets and addresses")
    from director import daemon

    options = daemon.Options(
        socket=control.socket_path(socket_path()),
        config=config,
        datapath=DatapathKind(datapath) if datapath else None,
        interfaces=interfaces,
        log_format=daemon.LogFormat(log_format),
    )
    context.exit(daemon.run(options))


@click.command()
@click.option(
    "--leave-running", is_flag=True,
    help="Leave forwarding on: the next `director run` takes it over, `director cleanup` ends it.",
)  # fmt: skip
@as_json
def stop(*, leave_running: bool, as_json: bool) -> None:
    """Stop the running director and wait until it has gone."""
    director = client()
    answer = _left(director) if leave_running else director.post("/v1/stop")
    if as_json:
        printing.show_json(answer)
    deadline = time.monotonic() + STOP_SECONDS
    state = director.path.with_name(f"{director.path.name}.state.json")
    has_ended = _is_left if leave_running else _is_gone
    while director.path.exists() or not has_ended(state):
        if time.monotonic() > deadline:
            raise Failure(f"the director at {director.path} is still there after {STOP_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
    if leave_running and not as_json:
        click.echo("forwarding goes on: `director run` takes it over, `director cleanup` ends it")


def _left(director: Client) -> Json:
    """Have it end and leave forwarding on; where nothing could take that over, it runs on."""
    try:
        return director.post("/v1/stop", leave_running="true")
    except RefusedError as refusal:
        why = "; ".join(fault.message for fault in refusal.faults)
        raise Failure(f"forwarding can not be left on: {why}; the director runs on") from refusal


def _is_gone(state: Path) -> bool:
    """Say whether a director has ended cleanly: its state file goes last, when all else has gone."""
    return not state.exists()


def _is_left(state: Path) -> bool:
    """Say whether a director has ended and left things as they are: it notes that last."""
    with suppress(OSError, ValueError):
        return bool(json.loads(state.read_text())["left"])
    return False


@click.command()
@socket_again
def cleanup() -> None:
    """Remove what a director left behind.

    Programs, filters, qdiscs and addresses of one that was killed, or stopped with --leave-running, and its
    files; a director that lives is left alone.
    """
    _need_root("cleanup", "to remove programs, filters, qdiscs and addresses")
    from pyroute2.netlink.exceptions import NetlinkError

    from director import daemon

    try:
        sentences = daemon.cleanup(control.socket_path(socket_path()))
    except NetlinkError as error:
        raise Failure(f"the kernel refuses to clean up: {os.strerror(error.code).lower()}") from error
    for sentence in sentences or ("nothing left to remove",):
        click.echo(sentence)


def _need_root(verb: str, what_for: str) -> None:
    if os.geteuid() != 0:
        raise Failure(f"director {verb} needs root, {what_for}; this is user {os.geteuid()}")
