# SPDX-License-Identifier: Apache-2.0
"""`director mark`: which packets have a firewall mark, so that one service can balance them all."""

from __future__ import annotations

import click

from director.cli import printing
from director.cli.answers import Mark
from director.cli.calling import InOrder, client, done
from director.cli.options import as_json
from director.cli.printing import Column, folding, numbers

MARKS = "/v1/marks"

COLUMNS: tuple[Column[Mark], ...] = (
    numbers("MARK", lambda row: row["mark"]),
    folding("NETWORK", lambda row: row["network"]),
    Column("PROTOCOL", lambda row: row["protocol"]),
    Column("PORTS", lambda row: row["ports"]),
)


@click.group(cls=InOrder)
def mark() -> None:
    """Firewall marks: which packets have which.

    Packets to an address of NETWORK and a port of the range have the mark. The service mark:7 balances what
    has the mark 7, whatever its address and port. Of several rules that fit, the first counts.
    """


@mark.command()
@click.argument("mark", type=int)
@click.argument("network")
@click.option("--protocol", default="any", show_default=True, help="Only tcp, udp or sctp.")
@click.option("--ports", default="any", show_default=True, help="Only this port or range, as 8000-8100.")
@as_json
def add(mark: int, network: str, protocol: str, ports: str, *, as_json: bool) -> None:
    """Add a rule after the others."""
    values = {"mark": mark, "network": network, "protocol": protocol, "ports": ports}
    done(client().post(MARKS, values), as_json=as_json)


@mark.command()
@click.argument("mark", type=int)
@click.argument("network")
@click.option("--protocol", default="any", show_default=True, help="The rule's protocol.")
@click.option("--ports", default="any", show_default=True, help="The rule's ports.")
@as_json
def delete(mark: int, network: str, protocol: str, ports: str, *, as_json: bool) -> None:
    """Delete a rule, which is written as it was added."""
    query = {"mark": str(mark), "network": network, "protocol": protocol, "ports": ports}
    done(client().delete(MARKS, **query), as_json=as_json)


@mark.command(name="list")
@as_json
def list_marks(*, as_json: bool) -> None:
    """List the rules in the order in which they are asked."""
    answer = client().get(MARKS)
    if as_json:
        printing.show_json(answer)
    else:
        printing.show(printing.table(COLUMNS, answer["mark"]))
