# SPDX-License-Identifier: Apache-2.0
"""`director sync`: synchronise connections with other directors, and see how that goes."""

from __future__ import annotations

import click

from director.cli import printing
from director.cli.answers import SyncDaemon
from director.cli.calling import InOrder, client, done
from director.cli.options import as_json, words
from director.cli.printing import Column, folding, numbers
from director.model.sync import SyncRole

SYNC = "/v1/sync"
ROLE = words(SyncRole)

COLUMNS: tuple[Column[SyncDaemon], ...] = (
    Column("ROLE", lambda row: row["role"]),
    Column("INTERFACE", lambda row: row["interface"]),
    numbers("SYNCID", lambda row: row["syncid"]),
    folding("GROUP", lambda row: row["group"]),
    numbers("PORT", lambda row: row["port"]),
    numbers("DATAGRAMS", lambda row: row["datagrams"]),
    numbers("ENTRIES", lambda row: row["entries"]),
    numbers("DROPPED", lambda row: row["dropped"]),
    numbers("UNKNOWN", lambda row: row["unknown"]),
    numbers("WAITING", lambda row: row["waiting"]),
    folding("STATE", lambda row: row["why_not"] or "running"),
)


@click.group(cls=InOrder)
def sync() -> None:
    """Synchronise connections with other directors.

    A master tells of its connections, a backup enters what it is told, so that it can take over; a director
    can be both. The protocol is that of the kernel's ipvs: the other director can be a kernel.
    """


@sync.command()
@click.argument("role", type=ROLE)
@click.option("--interface", metavar="IFNAME", required=True, help="Where the other directors are.")
@click.option(
    "--syncid",
    metavar="N",
    type=int,
    default=0,
    show_default=True,
    help="Which directors: 0 to 255. A backup with 0 heeds all.",
)
@click.option(
    "--maxlen",
    metavar="BYTES",
    type=int,
    default=0,
    help="The longest datagram.  [default: what Ethernet takes]",
)
@click.option(
    "--group", metavar="ADDRESS", default="224.0.0.81", show_default=True, help="The multicast group."
)
@click.option("--port", metavar="PORT", type=int, default=8848, show_default=True, help="The UDP port.")
@click.option("--ttl", metavar="N", type=int, default=1, show_default=True, help="Of multicast datagrams.")
@as_json
def start(
    role: str, interface: str, syncid: int, maxlen: int, group: str, port: int, ttl: int, *, as_json: bool
) -> None:
    """Begin as ROLE, master or backup, or go on as it with other options."""
    values = {
        "interface": interface, "syncid": syncid, "maxlen": maxlen, "group": group, "port": port, "ttl": ttl,
    }  # fmt: skip
    done(client().put(f"{SYNC}/{role}", values), as_json=as_json)


@sync.command()
@click.argument("role", type=ROLE)
@as_json
def stop(role: str, *, as_json: bool) -> None:
    """Give up ROLE, master or backup."""
    done(client().delete(f"{SYNC}/{role}"), as_json=as_json)


@sync.command()
@as_json
def show(*, as_json: bool) -> None:
    """Show the roles that the director has, and what it sent or took."""
    answer = client().get(SYNC)
    if as_json:
        printing.show_json(answer)
    else:
        printing.show(printing.table(COLUMNS, answer["sync"]))
