# SPDX-License-Identifier: Apache-2.0
"""`director server`: the real servers of a service, added, edited, deleted and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from director.cli import printing
from director.cli.answers import DestinationStats, NextHop, ServiceStats
from director.cli.calling import InOrder, client, done
from director.cli.options import as_json, service_argument, service_or_all, words
from director.cli.printing import Column, folding, numbers
from director.cli.service import SERVICES
from director.cli.stats import chosen
from director.config.address import parse_destination, parse_service_key
from director.control.client import destination_path, destinations_path
from director.model.service import ForwardingMethod, TunnelChecksum, TunnelType

Function = TypeVar("Function", bound=Callable[..., Any])

server_argument = click.argument("server", metavar="ADDRESS[:PORT]")


MORE = (
    click.option("--upper", type=int, help="From so many connections on it gets no new ones; 0: no limit."),
    click.option("--lower", type=int, help="It gets new ones again when there are fewer than these."),
    click.option(
        "--tunnel", type=words(TunnelType), help="tun: what packets are wrapped in; IP in IP if not named."
    ),
    click.option("--tunnel-port", type=int, help="The UDP port of a gue tunnel."),
    click.option(
        "--tunnel-checksum", type=words(TunnelChecksum), help="Whether a gre or gue tunnel has checksums."
    ),
)


def more_options(function: Function) -> Function:
    """Add what few servers need."""
    for option in reversed(MORE):
        function = option(function)
    return function


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given."""
    return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Listed:
    """A real server as the list shows it; `next_hop` is None while nobody has asked for the way."""

    service: str
    stats: DestinationStats
    next_hop: NextHop | None


COLUMNS: tuple[Column[Listed], ...] = (
    folding("SERVICE", lambda row: row.service),
    folding("SERVER", lambda row: row.stats["destination"]),
    Column("METHOD", lambda row: row.stats["method"]),
    numbers("WEIGHT", lambda row: row.stats["weight"]),
    numbers("ACTIVE", lambda row: row.stats["active"]),
    numbers("INACTIVE", lambda row: row.stats["inactive"]),
    numbers("PERSISTENT", lambda row: row.stats["persistent"]),
    Column("NEXT HOP", lambda row: row.next_hop["state"] if row.next_hop else printing.UNKNOWN),
)


@click.group(cls=InOrder)
def server() -> None:
    """Real servers of a service.

    SERVICE is written tcp:192.0.2.1:80. A server's port may be left out: it is the service's then, and only
    the method nat can have another.
    """


@server.command()
@service_argument
@server_argument
@click.option(
    "--method", type=words(ForwardingMethod), required=True,
    help="dr: rewrite the MAC address; tun: wrap in IP; nat: rewrite the IP address.",
)  # fmt: skip
@click.option("--weight", type=int, default=1, show_default=True, help="Its share; 0: no new connections.")
@more_options
@as_json
def add(service: str, server: str, method: str, weight: int, *, as_json: bool, **more: Any) -> None:
    """Add a server to a service."""
    address = str(parse_destination(server, parse_service_key(service)))
    values = {"address": address, "method": method, "weight": weight, **given(more)}
    done(client().post(destinations_path(service), values), as_json=as_json)


@server.command()
@service_argument
@server_argument
@click.option("--method", type=words(ForwardingMethod), help="Another way of forwarding.")
@click.option("--weight", type=int, help="Another share; 0: no new connections.")
@more_options
@as_json
def edit(service: str, server: str, *, as_json: bool, **more: Any) -> None:
    """Change a server's weight, method, limits or tunnel.

    What is not named stays, but another method drops the tunnel's type, and another type of tunnel its
    port and checksum."""
    values = given(more)
    if not values:
        raise click.UsageError("name what to change")
    done(client().patch(destination_path(service, server), values), as_json=as_json)


@server.command()
@service_argument
@server_argument
@as_json
def delete(service: str, server: str, *, as_json: bool) -> None:
    """Delete a server from a service.

    To let its connections end first, set its weight to 0 and wait."""
    done(client().delete(destination_path(service, server)), as_json=as_json)


@server.command(name="list")
@service_or_all
@as_json
def list_servers(service: str | None, *, as_json: bool) -> None:
    """List servers, their connections, and if they are reachable.

    PERSISTENT counts the clients that a persistent service keeps at the server.

    NEXT HOP tells whether the way to a server is known.

    As JSON they are shown as they are configured; numbers are in `director stats --json`, next hops in
    `director status --json`.
    """
    director = client()
    if as_json:
        printing.show_json(director.get(destinations_path(service) if service else SERVICES))
        return
    stats = chosen(director, service)
    next_hops = director.get("/v1/status", **({"service": service} if service else {}))["next_hops"]
    printing.show(printing.table(COLUMNS, listed(stats, next_hops)))


def listed(stats: Iterable[ServiceStats], next_hops: Iterable[NextHop]) -> list[Listed]:
    """Join each server's numbers with the way to it."""
    ways = {each["destination"]: each for each in next_hops}
    return [
        Listed(each["service"], one, ways.get(address_of(one["destination"])))
        for each in stats
        for one in each["destinations"]
    ]


def address_of(endpoint: str) -> str:
    """Return the address of `10.0.0.2:80` or `[2001:db8::1]:80`."""
    return endpoint.rpartition(":")[0].strip("[]")
