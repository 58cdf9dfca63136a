# SPDX-License-Identifier: Apache-2.0
"""`director connections`: what is in the connection table, filtered, counted, watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from director.cli import printing
from director.cli.answers import Connection, Connections
from director.cli.calling import client
from director.cli.options import as_json, service_filter, words
from director.cli.printing import Align, Column, folding, numbers
from director.cli.watching import View, watched
from director.model.connection import DEFAULT_LIMIT, ConnectionState

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS: tuple[Column[Connection], ...] = (
    Column("PROT", lambda row: row["protocol"]),
    Column("EXPIRE", lambda row: printing.duration(row["expires_in"]), Align.RIGHT),
    Column("STATE", lambda row: row["state"]),
    folding("CLIENT", lambda row: row["client"]),
    folding("VIRTUAL", lambda row: row["virtual"]),
    folding("SERVER", lambda row: row["destination"]),
    Column("METHOD", lambda row: row["method"]),
    numbers("PKTS", lambda row: row["packets"]),
)


@click.command()
@service_filter
@click.option("--server", metavar="ADDRESS[:PORT]", help="Only those that this server has.")
@click.option("--client", "network", metavar="NETWORK", help="Only those of this address or network.")
@click.option("--state", type=words(ConnectionState), help="Only those in this state.")
@click.option(
    "--limit", metavar="N", type=int, default=DEFAULT_LIMIT, show_default=True, help="At most so many."
)
@click.option("--templates", is_flag=True, help="Persistence templates too: clients (port 0) that are kept.")
@click.option("--count", is_flag=True, help="Print how many there are, and no more.")
@watched
@as_json
def connections(
    service: str | None,
    server: str | None,
    network: str | None,
    state: str | None,
    limit: int,
    *,
    templates: bool,
    count: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """List connections; filters add up.

    EXPIRE is the time until an idle connection is forgotten, in minutes and seconds. PKTS counts what the
    client sent.
    """
    given = {"service": service, "destination": server, "client": network, "state": state}
    query = {key: value for key, value in given.items() if value is not None}
    query |= {"templates": "true"} if templates else {}
    query |= {"count": "true"} if count else {"limit": str(limit)}
    _view(query, _total if count else _table).show(watch=watch, as_json=as_json)


def _view(query: Mapping[str, str], draw: Callable[[Connections], RenderableType]) -> View[Connections]:
    director = client()
    return View(lambda: director.get("/v1/connections", **query), draw)


def _total(answer: Connections) -> RenderableType:
    return str(answer["total"])


def _table(answer: Connections) -> RenderableType:
    """List the connections, and say so when there are more."""
    shown, total = answer["connections"], answer["total"]
    listed = printing.table(COLUMNS, shown)
    if len(shown) == total:
        return listed
    return printing.stack(listed, f"{len(shown)} of {total} connections; --limit {total} shows all")
