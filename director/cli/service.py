# SPDX-License-Identifier: Apache-2.0
"""`director service`: virtual services, added, edited, deleted and listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from director.cli import printing
from director.cli.answers import Service, ServiceStats
from director.cli.calling import InOrder, client, done, named, service_name
from director.cli.options import as_json, assignment, service_words, words
from director.cli.printing import Column, folding, numbers
from director.control.client import service_path
from director.model.service import Scheduler, SchedulerFlag

SERVICES = "/v1/services"
Function = TypeVar("Function", bound=Callable[..., Any])

flag_option = click.option(
    "--flag",
    "flags",
    multiple=True,
    type=words(SchedulerFlag),
    help="An option of the scheduler; repeatable.",
)

KEEPING = (
    click.option(
        "--persistence",
        type=int,
        metavar="SECONDS",
        help="A client keeps its server for so long after its last new connection.",
    ),
    click.option(
        "--persistence-mask",
        metavar="MASK",
        help="Clients alike under this mask or prefix length count as one.",
    ),
    click.option(
        "--one-packet", is_flag=True, help="UDP: a server for each datagram, nothing is remembered."
    ),
    click.option(
        "--timeout",
        "timeouts",
        multiple=True,
        metavar="NAME=SECONDS",
        help="An idle time of its own, such as tcp_established=60; repeatable.",
    ),
)


def keeping_options(function: Function) -> Function:
    """Add what says how a service keeps clients and connections."""
    for option in reversed(KEEPING):
        function = option(function)
    return function


def kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options above that were given, as the control API takes them."""
    values: dict[str, Any] = {
        name: given[name] for name in ("persistence", "persistence_mask") if given[name] is not None
    }
    if given["one_packet"]:
        values["one_packet"] = True
    if given["timeouts"]:
        values["timeouts"] = dict(map(assignment, given["timeouts"]))
    return values


@dataclass(frozen=True, slots=True)
class Listed:
    """A service as the list shows it."""

    configured: Service
    stats: ServiceStats | None


def words_of(configured: Service) -> list[str]:
    """Name the scheduler's options and what else is not as usual."""
    held, mask = configured["persistence"], configured["persistence_mask"]
    return [
        *configured["flags"],
        *([f"persistent {held}s{f'/{mask}' if mask else ''}"] if held else []),
        *(["one-packet"] if configured["one_packet"] else []),
        *(["timeouts"] if configured["timeouts"] else []),
    ]


COLUMNS: tuple[Column[Listed], ...] = (
    folding("SERVICE", lambda row: service_name(row.configured)),
    Column("SCHEDULER", lambda row: row.configured["scheduler"]),
    folding("FLAGS", lambda row: ",".join(words_of(row.configured)) or printing.UNKNOWN),
    numbers("SERVERS", lambda row: len(row.configured["destination"])),
    numbers("ACTIVE", lambda row: row.stats["active"] if row.stats else None),
    numbers("INACTIVE", lambda row: row.stats["inactive"] if row.stats else None),
)


@click.group(cls=InOrder)
def service() -> None:
    """Virtual services: what is balanced.

    A service is a protocol, an address and a port, or a firewall mark. SERVICE is written tcp:192.0.2.1:80,
    or tcp 192.0.2.1:80, or mark:7, or mark6:7 for IPv6.
    """


@service.command()
@service_words
@click.option(
    "--scheduler", type=words(Scheduler), default=Scheduler.WLC.value, show_default=True,
    help="How a connection gets its server; docs/schedulers.md tells which is for what.",
)  # fmt: skip
@flag_option
@keeping_options
@as_json
def add(service: str, scheduler: str, flags: tuple[str, ...], *, as_json: bool, **keeping: Any) -> None:
    """Add a service; servers are added to it afterwards.

    Port 0 stands for all ports of the address, and needs --persistence. mark:7 and mark6:7 balance
    what `director mark` gives the mark 7."""
    values = {**named(service), "scheduler": scheduler, "flags": list(flags), **kept(keeping)}
    done(client().post(SERVICES, values), as_json=as_json)


@service.command()
@service_words
@click.option("--scheduler", type=words(Scheduler), help="Another way to give connections to servers.")
@flag_option
@click.option("--no-flags", is_flag=True, help="Take all the scheduler's options away.")
@keeping_options
@click.option("--no-one-packet", is_flag=True, help="Remember connections again.")
@click.option("--no-timeouts", is_flag=True, help="Take its own idle times away.")
@as_json
def edit(
    service: str,
    scheduler: str | None,
    flags: tuple[str, ...],
    *,
    no_flags: bool,
    no_one_packet: bool,
    no_timeouts: bool,
    as_json: bool,
    **keeping: Any,
) -> None:
    """Change a service.

    What is not named stays, but another scheduler drops the old one's flags. --persistence 0 ends
    persistence. Idle times are given as a whole."""
    if flags and no_flags:
        raise click.UsageError("--flag and --no-flags exclude each other")
    values: dict[str, object] = {"scheduler": scheduler} if scheduler else {}
    if flags or no_flags:
        values["flags"] = list(flags)
    values |= kept(keeping)
    values |= {"one_packet": False} if no_one_packet else {}
    values |= {"timeouts": {}} if no_timeouts else {}
    if not values:
        raise click.UsageError("name what to change")
    done(client().patch(service_path(service), values), as_json=as_json)


@service.command()
@service_words
@as_json
def delete(service: str, *, as_json: bool) -> None:
    """Delete a service and its servers."""
    done(client().delete(service_path(service)), as_json=as_json)


@service.command(name="list")
@as_json
def list_services(*, as_json: bool) -> None:
    """List all services."""
    director = client()
    answer = director.get(SERVICES)
    if as_json:
        printing.show_json(answer)
        return
    stats = {each["service"]: each for each in director.get("/v1/stats", destinations="false")["services"]}
    rows = [Listed(each, stats.get(service_name(each))) for each in answer["service"]]
    printing.show(printing.table(COLUMNS, rows))
