# SPDX-License-Identifier: Apache-2.0
"""`director status`: the director as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from director.cli import printing
from director.cli.answers import Interface, Keeping, NextHop, Status, Table
from director.cli.calling import client
from director.cli.options import as_json
from director.cli.printing import Align, Column, folding
from director.cli.watching import View, watched
from director.model.counters import NextHopState

if TYPE_CHECKING:
    from rich.console import RenderableType

Fact = tuple[str, str]
MANY_HOPS = 100
KNOWN = {NextHopState.RESOLVED.value, NextHopState.LOCAL.value}

FACTS: tuple[Column[Fact], ...] = (Column("", lambda row: row[0]), folding("", lambda row: row[1]))
INTERFACES: tuple[Column[Interface], ...] = (
    Column("INTERFACE", lambda row: row["name"]),
    Column("DATA PATH", lambda row: row["datapath"]),
    Column("MAC", lambda row: row["mac"] or printing.UNKNOWN),
    Column("MTU", lambda row: printing.count(row["mtu"]), Align.RIGHT),
    folding("WHY", lambda row: row["why"]),
)
NEXT_HOPS: tuple[Column[NextHop], ...] = (
    folding("SERVER", lambda row: row["destination"]),
    Column("NEXT HOP", lambda row: row["state"]),
    Column("INTERFACE", lambda row: row["interface"] or printing.UNKNOWN),
    folding("VIA", lambda row: row["via"] or printing.UNKNOWN),
    Column("MAC", lambda row: row["mac"] or printing.UNKNOWN),
)


@click.command()
@watched
@as_json
def status(*, watch: bool, as_json: bool) -> None:
    """Show interfaces, the table, addresses and next hops."""
    director = client()
    View(lambda: director.get("/v1/status"), _draw).show(watch=watch, as_json=as_json)


def _draw(answer: Status) -> RenderableType:
    tables = [printing.table(FACTS, list(_facts(answer)))]
    if answer["interfaces"]:
        tables.append(printing.table(INTERFACES, answer["interfaces"]))
    if answer["next_hops"]:
        tables.append(_next_hops(answer["next_hops"]))
    return printing.stack(*tables)


def _next_hops(hops: Sequence[NextHop]) -> RenderableType:
    """Show the ways to servers; of very many those that want attention, and say so."""
    if len(hops) <= MANY_HOPS:
        return printing.table(NEXT_HOPS, hops)
    shown = sorted(hops, key=lambda hop: hop["state"] in KNOWN)[:MANY_HOPS]
    unresolved = sum(hop["state"] not in KNOWN for hop in hops)
    words = f"{len(shown)} of {len(hops)} next hops, {unresolved} of them not resolved; --json shows all"
    return printing.stack(printing.table(NEXT_HOPS, shown), words)


def _facts(answer: Status) -> Iterator[Fact]:
    table = answer["table"]
    yield "version", answer["version"]
    yield "process", str(answer["pid"])
    yield "running for", f"{printing.age(answer['uptime'])} (since {answer['started']})"
    yield "workers", str(answer["workers"])
    yield "connections", f"{table['used'] - table['templates']} of {table['capacity']}{_kept_clients(table)}"
    yield "tables since", _kept(answer["keeping"])
    yield "table image", f"generation {answer['generation']}"
    yield "frames lost", _lost(answer["frames_lost"])
    if not answer["interfaces"]:
        yield "interfaces", "none is taken, so nothing is forwarded"
    yield "addresses held", " ".join(answer["addresses"]) or "none"


def _kept_clients(table: Table) -> str:
    """Say how many entries are no connections."""
    return f", and {table['templates']} persistence templates" if table["templates"] else ""


def _kept(keeping: Keeping) -> str:
    """Say how long connections and counters have lived, and whether they outlive the process."""
    taken = ", taken over from the process before" if keeping["taken_over"] else ""
    life = f"pinned as {keeping['kept']}" if keeping["kept"] else f"not pinned: {keeping['why_not']}"
    return f"{keeping['since']}{taken} ({life})"


def _lost(frames: int) -> str:
    return f"{frames} (they came faster than the workers took them)" if frames else "0"
