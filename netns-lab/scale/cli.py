# SPDX-License-Identifier: Apache-2.0
"""The command line: build, measure, print the table, write JSON."""

import json
import os
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from bench.machine import machine
from bench.report import describe
from bench.tools import tools
from lab import LabError
from lab.endings import end_by_signals, exit_status
from scale.measures import Line, measured
from scale.report import document, legend, missed, table, words
from scale.scene import FULL, MOST_SHARED, Servers, Size
from scale.stage import stage

LATE, BROKEN = 1, 3
WIDTH = 118
MOST_SERVERS = 131_071
OUTPUT = Path(__file__).resolve().parents[2] / "run" / "scale.json"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--services", type=click.IntRange(FULL + 2, 4095), default=1000, help="How many services.")
@click.option("--servers", type=click.IntRange(1, 1024), default=100, help="How many servers each has.")
@click.option(
    "--connections", type=click.IntRange(FULL), default=1_000_000, help="How many connections are opened."
)
@click.option(
    "--scheduler",
    type=click.Choice(("rr", "wrr", "lc", "wlc", "sh", "mh")),
    default="wlc",
    help="What chooses the servers of most services.",
)
@click.option(
    "--who",
    type=click.Choice([one.value for one in Servers]),
    default=Servers.SHARED.value,
    help="The same servers for all services, on the segment, or others for each, behind a router.",
)
@click.option("--datapath", type=click.Choice(("tc", "xdp", "packet")), default="tc", help="What forwards.")
@click.option("--edits", type=click.IntRange(1), default=20, help="How often an edit is timed.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default=OUTPUT, help="File for the JSON."
)
def main(
    *,
    services: int,
    servers: int,
    connections: int,
    scheduler: str,
    who: str,
    datapath: str,
    edits: int,
    output: Path,
) -> None:
    """Measure what a large configuration and a full connection table cost.

    Builds a network of namespaces and takes it down again, in two to three minutes unless made smaller. Use a
    machine that does nothing else. Exit status: 0 when an edit of one weight took effect in less than 100 ms
    in every situation; 1 when not; 3 when it could not be measured.
    """
    end_by_signals()
    size = Size(services, servers, connections, scheduler, Servers(who))
    _refuse_oversize(size)
    try:
        sys.exit(_scale(size, datapath, edits, output))
    except (LabError, OSError) as error:
        click.echo(f"scale: {error}", err=True)
        sys.exit(BROKEN)
    except KeyboardInterrupt:
        click.echo("scale: interrupted; the lab is down", err=True)
        sys.exit(exit_status(signal.SIGINT))


def _refuse_oversize(size: Size) -> None:
    if size.services * size.servers > MOST_SERVERS:
        raise click.UsageError(f"{size.services} x {size.servers} servers are more than {MOST_SERVERS}")
    if size.who is Servers.SHARED and size.servers > MOST_SHARED:
        raise click.UsageError(f"--who shared has addresses for {MOST_SHARED} servers")


def _scale(size: Size, datapath: str, edits: int, output: Path) -> int:
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    facts, lines = machine(), list[Line]()
    console.print(describe(facts), highlight=False)
    console.print(
        f"{size.services:,} services with {size.servers:,} servers each, {datapath}\n", highlight=False
    )
    with tools() as directory, stage(size, datapath, directory, f"scale-{os.getpid()}") as ready:
        for line in measured(ready, edits):
            lines.append(line)
            console.print(f"  {line.title}: {words(line.median, line.unit)}", highlight=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    everything = document(lines, size, datapath, facts)
    output.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    console.print()
    console.print(table(lines), highlight=False)
    console.print(f"\n{legend(size)}\n", style="dim", highlight=False)
    late = missed(lines)
    for sentence in late:
        console.print(f"TOO LATE: {sentence}", highlight=False)
    console.print(f"Written to {output}", highlight=False, soft_wrap=True)
    return LATE if late else 0
