# SPDX-License-Identifier: Apache-2.0
"""The demo's command line, and its course: stage, requests, evidence, verdict."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from demo.cast import SERVICES, TOPOLOGY, Service
from demo.clients import Asked, ask
from demo.evidence import AccessLogs, Logged, Router, Tap, mac_address
from demo.report import document
from demo.show import Show, look_around
from demo.stage import WIRES, carriages, start_director, take_vips
from demo.verdict import Addresses, Result, Seen, faults, result
from lab import Lab, LabError
from lab.endings import end_by_signals, exit_status

WRONG, BROKEN = 1, 3
WIDTH = 80


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--keep", is_flag=True, help="Leave the lab up, and say how to look around in it.")
@click.option(
    "--datapath",
    type=click.Choice(("auto", "packet", "tc", "xdp")),
    default="auto",
    show_default=True,
    help="Handed on to `director run`.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write what was seen to this file as JSON."
)
def main(*, keep: bool, datapath: str, json_file: Path | None) -> None:
    """Send real HTTP and DNS requests through direct routing, a tunnel and NAT, and show what came of it.

    Brings up a network of namespaces, and takes it down again. Exit status: 0 when every request was answered
    and each reply came by the way that its method promises; 1 when not; 3 when the demo could not be given.
    """
    end_by_signals()
    console = Console()
    show = Show(console if console.is_terminal else Console(width=WIDTH))
    try:
        sys.exit(_run(show, f"demo-{os.getpid()}", datapath, json_file, keep=keep))
    except (LabError, subprocess.TimeoutExpired) as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(BROKEN)
    except KeyboardInterrupt:
        click.echo("demo: interrupted; the lab is down", err=True)
        sys.exit(exit_status(signal.SIGINT))


def _run(show: Show, name: str, datapath: str, json_file: Path | None, *, keep: bool) -> int:
    started = time.monotonic()
    with ExitStack() as stack:
        with show.step("network: client, router, director, rs1, rs2, rs3, dns"):
            lab = stack.enter_context(Lab.up(TOPOLOGY, name))
        with show.step("real servers: `realserver up`, `realserver check` by dr, tun, nat"):
            take_vips(lab)
        if datapath in WIRES:
            with show.step(f"wires: their far ends fill checksums in and poll, for {datapath}"):
                lab.set_wires("director", WIRES[datapath])
        with show.step(f"director: {len(SERVICES)} services"):
            start_director(lab, SERVICES, datapath)
        carried = carriages(lab)
        show.carriages(carried)
        results, missed = _perform(show, lab)
        wrong = faults(results, missed)
        if keep:
            stack.pop_all()
    show.results(results, wrong)
    seconds = time.monotonic() - started
    show.console.print(f"\nThe whole took {seconds:.0f} s.")
    if json_file is not None:
        json_file.write_text(json.dumps(document(results, wrong, seconds, carried), indent=2) + "\n")
    if keep:
        show.console.print("\n" + look_around(lab), soft_wrap=True, highlight=False, markup=False)
    return WRONG if wrong else 0


def _perform(show: Show, lab: Lab) -> tuple[tuple[Result, ...], int]:
    """Send the requests, service by service, while the router and the director are watched.

    Return the results, and how many frames the watching missed.
    """
    addresses = _addresses(lab)
    router = Router(lab)
    with ExitStack() as stack:
        tap = Tap(lab, stack)
        seen = tuple((service, *_ask(show, lab, service)) for service in SERVICES)
        at_director = tap.replies()
    replies = Seen(router.replies(), at_director, addresses)
    return tuple(result(service, asked, logged, replies) for service, asked, logged in seen), tap.missed


def _ask(show: Show, lab: Lab, service: Service) -> tuple[tuple[Asked, ...], dict[str, Logged]]:
    logs, every = AccessLogs(lab, service), []
    for client, act in ask(lab.node("client"), service):
        with show.client(service, client) as progress:
            asked = act(progress)
        show.asked(service, asked)
        every.append(asked)
    answered = sum((asked.answered for asked in every), Counter[str]())
    return tuple(every), logs.read(answered)


def _addresses(lab: Lab) -> Addresses:
    """Look up the MAC addresses by which the router knows who sends."""
    legs = {(server.node, server.leg) for service in SERVICES for server in service.servers}
    return Addresses(
        director=mac_address(lab.node("director"), "lan"),
        servers={(node, leg): mac_address(lab.node(node), leg) for node, leg in legs},
    )
