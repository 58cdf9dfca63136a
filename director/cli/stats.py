# SPDX-License-Identifier: Apache-2.0
"""`director stats`: what was counted, per service and server, and why packets ended as they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import click

from director.cli import printing
from director.cli.answers import Counters, Rates, Reason, ServiceStats
from director.cli.calling import client
from director.cli.options import as_json, service_filter
from director.cli.printing import Align, Column, folding, numbers
from director.cli.watching import View, watched
from director.control.client import Client
from director.model.service import ForwardingMethod

Field = Literal["connections", "packets_in", "bytes_in", "packets_out", "bytes_out"]
FIELDS: tuple[tuple[Field, str], ...] = (
    ("connections", "CONNS"),
    ("packets_in", "PKTS IN"),
    ("packets_out", "PKTS OUT"),
    ("bytes_in", "BYTES IN"),
    ("bytes_out", "BYTES OUT"),
)
OUTGOING = {"packets_out", "bytes_out"}


@dataclass(frozen=True, slots=True)
class Line:
    """A service or one of its servers; `sees_replies` is whether the director can count what goes out."""

    title: str
    counters: Counters
    rates: Rates
    sees_replies: bool

    def sees(self, field: Field) -> bool:
        """Tell whether the number is known; one that was counted once, by another method, is."""
        return field not in OUTGOING or self.sees_replies or self.counters[field] > 0


def _total(field: Field) -> Callable[[Line], int | None]:
    return lambda line: line.counters[field] if line.sees(field) else None


def _rate(field: Field) -> Callable[[Line], str]:
    return lambda line: printing.rate(line.rates[field] if line.sees(field) else None)


TITLE: Column[Line] = folding("SERVICE / SERVER", lambda line: line.title)
TOTALS = (TITLE, *(numbers(title, _total(field)) for field, title in FIELDS))
RATES = (TITLE, *(Column(f"{title}/S", _rate(field), Align.RIGHT) for field, title in FIELDS))
REASONS: tuple[Column[Reason], ...] = (
    Column("VERDICT", lambda row: row["verdict"]),
    Column("REASON", lambda row: row["reason"]),
    numbers("PACKETS", lambda row: row["count"]),
    folding("MEANING", lambda row: row["sentence"]),
)


@click.command()
@service_filter
@click.option("--rates", is_flag=True, help="Per second, smoothed over about 8 s, instead of totals.")
@click.option("--reasons", is_flag=True, help="Every verdict and reason that a packet can end with.")
@click.option("--zero", is_flag=True, help="Set the counters to 0 instead of showing them.")
@watched
@as_json
def stats(service: str | None, *, rates: bool, reasons: bool, zero: bool, watch: bool, as_json: bool) -> None:
    """Show connections, packets and bytes in and out.

    Bytes are those of IP packets. Replies of dr and tun servers do not pass the director: what goes out is
    unknown for them and shown as -.
    """
    if (reasons and (service or rates or zero)) or (zero and (rates or watch or as_json)):
        raise click.UsageError("--reasons, --zero and what shows services exclude each other")
    director = client()
    if zero:
        director.post("/v1/stats/zero", **({"service": service} if service else {}))
    elif reasons:
        _reasons(director).show(watch=watch, as_json=as_json)
    else:
        _numbers(director, service, RATES if rates else TOTALS).show(watch=watch, as_json=as_json)


def _reasons(director: Client) -> View[dict[str, list[Reason]]]:
    return View(
        lambda: director.get("/v1/reasons"), lambda answer: printing.table(REASONS, answer["reasons"])
    )


def _numbers(
    director: Client, service: str | None, columns: Sequence[Column[Line]]
) -> View[dict[str, list[ServiceStats]]]:
    return View(
        lambda: {"services": chosen(director, service)},
        lambda answer: printing.table(columns, lines(answer["services"])),
    )


def chosen(director: Client, service: str | None) -> list[ServiceStats]:
    """Ask for the numbers of one service, refused if there is none of this name, or of all."""
    wanted = {"service": service} if service else {}
    found: list[ServiceStats] = director.get("/v1/stats", **wanted)["services"]
    return found


def lines(services: Sequence[ServiceStats]) -> list[Line]:
    """Put each service's servers below it."""
    return [line for each in services for line in _lines(each)]


def _lines(service: ServiceStats) -> Iterator[Line]:
    servers = service["destinations"]
    sees_replies = not servers or any(_sees_replies(each["method"]) for each in servers)
    yield Line(service["service"], service["counters"], service["rates"], sees_replies)
    for each in servers:
        yield Line(
            f"  -> {each['destination']}", each["counters"], each["rates"], _sees_replies(each["method"])
        )


def _sees_replies(method: str) -> bool:
    return ForwardingMethod(method) is ForwardingMethod.NAT
