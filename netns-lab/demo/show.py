# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: steps while it works, the table at the end, how to look around in a lab that stays.

Prints; decides nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from demo.cast import TOPOLOGY, Service
from demo.clients import Asked
from demo.clients import Progress as Report
from demo.stage import Carriage
from demo.verdict import TOLERANCE, Result, Row
from lab import Lab

COLUMNS = (
    ("real server", "left"), ("answers", "right"), ("share", "right"), ("wanted", "right"),
    ("errors", "right"), ("client\nin log", "right"), ("replies\npast", "right"),
    ("replies\nthrough", "right"),
)  # fmt: skip


class Show:
    """The demo's face. Progress bars need a terminal; elsewhere a line says when each step is done."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that something is being done, and when it is done."""
        started = time.monotonic()
        with self.console.status(escape(name)):
            yield
        self.done(name, time.monotonic() - started)

    def done(self, what: str, seconds: float) -> None:
        """Say that a step is done."""
        line = Text.assemble(("  ✓ ", "green"), f"{what:<66} ", (f"{seconds:5.1f} s", "dim"))
        self.console.print(line, soft_wrap=True)

    def carriages(self, carriages: Sequence[Carriage]) -> None:
        """Say what carries each interface of the director, and why."""
        for one in carriages:
            line = Text.assemble(f"      {one.interface} by ", (one.datapath, "bold"), f" ({one.why})")
            self.console.print(line, soft_wrap=True)

    @contextmanager
    def client(self, service: Service, client: str) -> Iterator[Report]:
        """Show how far a client is with its requests."""
        if not self.console.is_terminal:
            yield lambda _fraction: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=self.console, transient=True) as bars:
            bar = bars.add_task(f"{service.name}: {client} asks {service}", total=1.0)
            yield lambda fraction: bars.update(bar, completed=fraction)

    def asked(self, service: Service, asked: Asked) -> None:
        """Say what a client got."""
        count = asked.answered.total()
        rate = f"{count / asked.seconds:,.0f} a second" if asked.seconds else "no rate"
        lost = f", {asked.lost} LOST" if asked.lost else ""
        self.done(f"{service.name}: {asked.client} had {count:,} answers, {rate}{lost}", asked.seconds)

    def results(self, results: Sequence[Result], faults: Sequence[str]) -> None:
        """Print the table and the judgement."""
        self.console.print()
        self.console.print(results_table(results))
        self.console.print(CAPTION, style="dim", highlight=False)
        self.console.print()
        for fault in faults:
            self.console.print(Text.assemble(("  ✗ ", "bold red"), fault), soft_wrap=True)
        if not faults:
            answered = sum(one.answered for one in results)
            said = f"all {answered:,} requests answered, each reply by the way its method promises"
            self.console.print(Text.assemble(("  ✓ ", "bold green"), said), soft_wrap=True)


def results_table(results: Sequence[Result]) -> Table:
    """Draw what was seen, a row for each real server and a line for each service."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name, justify in COLUMNS:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for one in results:
        table.add_row(*_service_cells(one), style="bold")
        for row in one.rows:
            table.add_row(*_row_cells(row))
        table.add_section()
    return table


CAPTION = (
    f"answers: as the client counted, by who answered. wanted: by weight, ±{TOLERANCE:.0%}\n"
    "client in log: requests that the access log has with the client's address,\n"
    "some of which wrk had not read the answer to when its time was over\n"
    "past: reply frames that the router had from the server's own MAC (nftables)\n"
    "through: reply frames that arrived at the director (tcpdump); on a service's\n"
    "line those that the router had from the director's MAC"
)


def _service_cells(one: Result) -> tuple[str, ...]:
    """Say a service's sums; of replies through the director the router's count, which it had from its MAC."""
    sums = (
        one.answered,
        one.errors,
        sum(row.logged.own for row in one.rows),
        sum(row.past for row in one.rows),
    )
    address = f"{one.service.vip}:{one.service.application.port}"
    answered, errors, own, past = (f"{number:,}" for number in sums)
    return (f"{one.service.name} {address}", answered, "", "", errors, own, past, f"{one.relayed:,}")


def _row_cells(row: Row) -> tuple[str, ...]:
    own = (
        f"{row.logged.own:,}"
        if not row.logged.others
        else f"{row.logged.own:,} (+{row.logged.others:,} other)"
    )
    return (
        f"  {row.node}, weight {row.weight}",
        f"{row.answered:,}",
        f"{row.share:.1%}",
        f"{row.wanted:.1%}",
        f"{row.refused:,}",
        own,
        f"{row.past:,}",
        f"{row.through:,}",
    )


LOOK_AROUND = (
    ("who is here", "status {topology} {name}"),
    (
        "ask by direct routing; 192.0.2.2 is the tunnel, 192.0.2.3 translation",
        "exec {topology} client {name} -- curl -sS http://192.0.2.1/",
    ),
    ("ask the DNS servers", "exec {topology} client {name} -- dig +short @192.0.2.2 whoami.lab TXT"),
    ("the director's servers", "exec {topology} director {name} -- director server list"),
    ("its counters as they move, until ctrl-C", "exec {topology} director {name} -- director stats --watch"),
    ("its connections", "exec {topology} director {name} -- director connections"),
    ("what a real server has changed", "exec {topology} rs1 {name} -- realserver status"),
    ("the tunnel's packets, until ctrl-C", "capture {topology} rs1 far {name} -- proto 4"),
    ("a shell on the director", "enter {topology} director {name}"),
    ("take it down", "down {topology} {name}"),
)


def look_around(lab: Lab) -> str:
    """Say how to look around in a lab that stays: commands to copy."""
    commands = "\n".join(
        f"  # {what}\n  scripts/lab {command.format(topology=TOPOLOGY, name=f'--name {lab.name}')}"
        for what, command in LOOK_AROUND
    )
    return (
        "The lab stays up, with the director and the real servers running. As root, from this checkout:\n\n"
        f"{commands}\n\nLogs: {lab.paths.root / 'logs'}"
    )
