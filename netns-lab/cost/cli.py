# SPDX-License-Identifier: Apache-2.0
"""The command line: take the samples, print the tables, write JSON where asked."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from cost import network
from cost.course import Effort, Turn, take, turns
from cost.report import document, show
from cost.scene import Scene
from cost.subject import objects
from cost.ways import WAYS, Sample, chosen
from director.datapath.errors import DatapathError
from director.model import Scheduler
from lab import LabError
from lab.endings import end_by_signals, exit_status

BROKEN = 3
WIDTH = 118
JIT = Path("/proc/sys/net/core/bpf_jit_enable")
FLOWS = (1, 10_000, 100_000, 1_000_000)
MOST_FLOWS = 8_000_000  # 62 ports of each client
SCHEDULERS = [one.value for one in Scheduler]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=5, help="Samples of each way.")
@click.option(
    "--packets",
    type=click.IntRange(1),
    default=400_000,
    help="Packets of a test run, rounded up to a multiple of the flows.",
)
@click.option(
    "--flows",
    type=click.IntRange(1, MOST_FLOWS),
    multiple=True,
    default=FLOWS,
    help="Connections that the packets belong to, in turn; repeatable.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="KIND/METHOD/PACKET",
    help="Take only this; parts may be left out: xdp, /dr, tc//new; repeatable.",
)
@click.option("--services", type=click.IntRange(1, 4000), default=1, help="How many services there are.")
@click.option("--servers", type=click.IntRange(1, 1000), default=10, help="How many servers each has.")
@click.option(
    "--scheduler",
    type=click.Choice(SCHEDULERS),
    default=Scheduler.RR.value,
    help="What chooses a new connection's server.",
)
@click.option(
    "--json", "target", type=click.Path(path_type=Path, dir_okay=False), help="File to write every sample to."
)
def main(
    *,
    rounds: int,
    packets: int,
    flows: tuple[int, ...],
    only: tuple[str, ...],
    services: int,
    servers: int,
    scheduler: str,
    target: Path | None,
) -> None:
    """Measure what the xdp and tc programs cost per packet, without what runs them.

    A packet is 64 bytes of UDP: a "hit" belongs to a connection, a "new" one opens one, a "reply" is what a
    server answers with NAT. Caches are shared, so use a machine that does nothing else. Exit status: 0 when
    every sample was taken, else 3.

    The goals at the end are the project's bounds for a program alone on the machine that docs/performance.md
    names. A goal that is missed is information, not a failure.
    """  # fmt: skip
    end_by_signals()
    ways = chosen(only)
    if not ways:
        names = ", ".join(way.name for way in WAYS)
        raise click.BadParameter(f"nothing that is measured; there are {names}", param_hint="--only")
    try:
        scene = Scene(services, servers, Scheduler(scheduler))
        samples = _measure(turns(ways, sorted(set(flows))), scene, Effort(rounds, packets))
        if target is not None:
            target.write_text(json.dumps(document(samples, _facts()), indent=1) + "\n")
    except (LabError, DatapathError, OSError) as error:
        click.echo(f"cost: {error}", err=True)
        sys.exit(BROKEN)
    except KeyboardInterrupt:
        click.echo("cost: interrupted", err=True)
        sys.exit(exit_status(signal.SIGINT))


def _measure(planned: Sequence[Turn], scene: Scene, effort: Effort) -> tuple[Sample, ...]:
    console, started = Console(), time.monotonic()
    console = console if console.is_terminal else Console(width=WIDTH)

    def told(sample: Sample) -> None:
        words = f"{sample.way.name:14} {sample.flows:>9,} flows {sample.cost:6.0f} ns"
        console.print(
            f"{time.monotonic() - started:6.0f} s  round {sample.round + 1}  {words}", highlight=False
        )

    _refuse_without_compiler()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    network.enter()
    with objects() as room:
        samples = take(planned, scene, effort, room, told)
    console.print()
    show(console, samples)
    return samples


def _refuse_without_compiler() -> None:
    """An interpreted program costs ten times as much: no figure of it would be worth anything."""
    if JIT.read_text().strip() == "0":
        raise LabError(f"{JIT} is 0: the kernel interprets eBPF programs (write 1 to it)")


def _facts() -> dict[str, object]:
    return {"kernel": platform.release(), "processor": platform.machine(), "load": os.getloadavg()[0]}
