# SPDX-License-Identifier: Apache-2.0
"""The bench's command line: plan, take the samples, print the tables, write them, JSON and a picture."""

import json
import signal
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from bench.contenders import CONTENDERS
from bench.course import Record, Turn, estimate, is_chosen, run, turns
from bench.machine import Machine, machine
from bench.measures import MEASURES, Effort
from bench.plot import draw
from bench.report import describe, document, markdown, show, tables
from bench.tools import tools
from lab import LabError
from lab.endings import end_by_signals, exit_status

FAILED, BROKEN = 1, 3
WIDTH = 118
QUICK_ROUNDS, QUICK_SECONDS = 1, 1
OUTPUT = Path(__file__).resolve().parents[2] / "run" / "bench"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Samples of each pair.")
@click.option("--seconds", type=click.IntRange(1), default=3, show_default=True, help="Length of a sample.")
@click.option(
    "--pace",
    type=click.IntRange(1000),
    default=100_000,
    show_default=True,
    metavar="PPS",
    help="Packets a second at which CPU time per packet is measured.",
)
@click.option("--quick", is_flag=True, help="One round of one-second samples: to see it work, not to quote.")
@click.option(
    "--only",
    multiple=True,
    metavar="MEASURE/PATH",
    help="Take only this; MEASURE or /PATH alone is enough; repeatable.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=OUTPUT,
    help="Directory for bench.json, bench.md and bench.png.  [default: run/bench]",
)
def main(*, rounds: int, seconds: int, pace: int, quick: bool, only: tuple[str, ...], output: Path) -> None:
    """Measure what the director's data paths cost, side by side with none, the kernel's and the proxies'.

    Builds networks of namespaces, one after the other, and takes each down again. Use a machine that does
    nothing else. Exit status: 0 when every sample was taken; 1 when some failed; 3 when it could not run.
    """  # fmt: skip
    end_by_signals()
    _refuse_unknown(only)
    effort = Effort(QUICK_SECONDS if quick else seconds, pace)
    planned = tuple(turns(QUICK_ROUNDS if quick else rounds, only))
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    try:
        output.mkdir(parents=True, exist_ok=True)
        sys.exit(_bench(console, planned, effort, output))
    except (LabError, OSError) as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(BROKEN)
    except KeyboardInterrupt:
        click.echo("bench: interrupted; the lab is down", err=True)
        sys.exit(exit_status(signal.SIGINT))


def _refuse_unknown(patterns: tuple[str, ...]) -> None:
    names = [f"{measure.name}/{one.name}" for measure in MEASURES for one in CONTENDERS if measure.suits(one)]
    for pattern in patterns:
        if not any(is_chosen(name, (pattern,)) for name in names):
            measures, paths = (
                ", ".join(one.name for one in MEASURES),
                ", ".join(one.name for one in CONTENDERS),
            )
            raise click.BadParameter(
                f"{pattern!r} is nothing that is measured; measures: {measures}; paths: {paths}",
                param_hint="--only",
            )


def _bench(console: Console, planned: tuple[Turn, ...], effort: Effort, output: Path) -> int:
    facts, started = machine(), time.monotonic()
    console.print(describe(facts), highlight=False)
    console.print(f"{len(planned)} samples, about {estimate(planned, effort) / 60:.0f} minutes\n")

    def told(turn: Turn, words: str) -> None:
        line = f"{time.monotonic() - started:6.0f} s  round {turn.round + 1}  {turn.name:28} {words}"
        console.print(line, highlight=False, markup=False)

    with tools() as directory:
        record = run(planned, effort, directory, told)
    _write(record, facts, effort, output)
    console.print()
    show(console, tables(record.samples))
    for failure in record.failures:
        console.print(f"FAILED: {failure}", highlight=False, markup=False)
    console.print(f"Written to {output}: bench.json, bench.md, bench.png", highlight=False, soft_wrap=True)
    return FAILED if record.failures else 0


def _write(record: Record, facts: Machine, effort: Effort, output: Path) -> None:
    everything = document(record.samples, record.failures, facts, effort)
    (output / "bench.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    (output / "bench.md").write_text(markdown(tables(record.samples), facts))
    draw(record.samples, facts, output / "bench.png")
