# SPDX-License-Identifier: Apache-2.0
"""`director service`: virtual services, added, edited, deleted and listed."""

from __future__ import annotations

from dataclasses import dataclass

import click

from director.cli import printing
from director.cli.answers import Service, ServiceStats
from director.cli.calling import InOrder, client, done, service_name
from director.cli.options import as_json, service_words, words
from director.cli.printing import Column, folding, numbers
from director.control.client import service_path
from director.model.service import Scheduler, SchedulerFlag

SERVICES = "/v1/services"

flag_option = click.option(
    "--flag",
    "flags",
    multiple=True,
    type=words(SchedulerFlag),
    help="An option of the scheduler; repeatable.",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A service as the list shows it."""

    configured: Service
    stats: ServiceStats | None


COLUMNS: tuple[Column[Listed], ...] = (
    folding("SERVICE", lambda row: service_name(row.configured)),
    Column("SCHEDULER", lambda row: row.configured["scheduler"]),
    folding("FLAGS", lambda row: ",".join(row.configured["flags"]) or printing.UNKNOWN),
    numbers("SERVERS", lambda row: len(row.configured["destination"])),
    numbers("ACTIVE", lambda row: row.stats["active"] if row.stats else None),
    numbers("INACTIVE", lambda row: row.stats["inactive"] if row.stats else None),
)


@click.group(cls=InOrder)
def service() -> None:
    """Virtual services: what is balanced.

    A service is a protocol, an address and a port. SERVICE is written tcp:192.0.2.1:80, or tcp 192.0.2.1:80.
    """


@service.command()
@service_words
@click.option(
    "--scheduler", type=words(Scheduler), default=Scheduler.WLC.value, show_default=True,
    help="How a connection gets its server.",
)  # fmt: skip
@flag_option
@as_json
def add(service: str, scheduler: str, flags: tuple[str, ...], *, as_json: bool) -> None:
    """Add a service; servers are added to it afterwards."""
    protocol, _, address = service.partition(":")
    values = {"protocol": protocol, "address": address, "scheduler": scheduler, "flags": list(flags)}
    done(client().post(SERVICES, values), as_json=as_json)


@service.command()
@service_words
@click.option("--scheduler", type=words(Scheduler), help="Another way to give connections to servers.")
@flag_option
@click.option("--no-flags", is_flag=True, help="Take all the scheduler's options away.")
@as_json
def edit(
    service: str, scheduler: str | None, flags: tuple[str, ...], *, no_flags: bool, as_json: bool
) -> None:
    """Change a service's scheduler or flags.

    What is not named stays, but another scheduler drops the old one's flags."""
    if not (scheduler or flags or no_flags):
        raise click.UsageError("name what to change: --scheduler, --flag or --no-flags")
    if flags and no_flags:
        raise click.UsageError("--flag and --no-flags exclude each other")
    values: dict[str, object] = {"scheduler": scheduler} if scheduler else {}
    if flags or no_flags:
        values["flags"] = list(flags)
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
