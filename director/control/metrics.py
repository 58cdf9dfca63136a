# SPDX-License-Identifier: Apache-2.0
"""The director's numbers in Prometheus's text format, piece by piece, each a few hundred lines at most.

Written here and not by prometheus_client, which takes nine seconds for the 800,000 lines of a full table, all
at once; its parser is what the tests read them with. A label's value is an address, a name of a reason or a
verdict, and needs no escapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from operator import attrgetter

from director.model.counters import Counters, DestinationStats, DirectorStatus, ReasonCount, ServiceStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTED = {
    "connections": "Connections scheduled",
    "packets_in": "Packets from clients",
    "bytes_in": "IP bytes from clients",
    "packets_out": "Packets to clients (NAT only: other replies do not pass the director)",
    "bytes_out": "IP bytes to clients (NAT only: other replies do not pass the director)",
}
_GAUGES: tuple[tuple[str, str, Callable[[DestinationStats], int]], ...] = (
    ("active", "Connections now: established or being opened", attrgetter("active")),
    ("inactive", "Connections now: others", attrgetter("inactive")),
    ("weight", "Weight; 0 is quiesced", attrgetter("destination.weight")),
)


def exposition(
    stats: tuple[ServiceStats, ...], reasons: tuple[ReasonCount, ...], status: DirectorStatus
) -> Iterator[str]:
    """Write one scrape."""
    for each in fields(Counters):
        yield _head("counter", f"director_service_{each.name}_total", _COUNTED[each.name])
        for one in stats:
            yield _services_line(f"director_service_{each.name}_total", one, each.name)
    for each in fields(Counters):
        name, counted = f"director_destination_{each.name}_total", attrgetter(f"counters.{each.name}")
        yield _head("counter", name, _COUNTED[each.name])
        yield from _destinations(name, stats, counted)
    for gauge, what, value in _GAUGES:
        yield _head("gauge", f"director_destination_{gauge}", what)
        yield from _destinations(f"director_destination_{gauge}", stats, value)
    yield from _packets(reasons)
    yield from _whole(status)


def _head(kind: str, name: str, what: str) -> str:
    return f"# HELP {name} {what}\n# TYPE {name} {kind}\n"


def _services_line(name: str, stats: ServiceStats, counter: str) -> str:
    return f'{name}{{service="{stats.service}"}} {getattr(stats.counters, counter)}\n'


def _destinations(
    name: str, stats: Iterable[ServiceStats], value: Callable[[DestinationStats], int]
) -> Iterator[str]:
    for service in stats:
        start = f'{name}{{service="{service.service}",destination="'
        yield "".join(
            f'{start}{each.destination.endpoint}"}} {value(each)}\n' for each in service.destinations
        )


def _packets(reasons: Iterable[ReasonCount]) -> Iterator[str]:
    name = "director_packets_total"
    yield _head("counter", name, "Packets by what became of them and why")
    for each in reasons:
        yield f'{name}{{verdict="{each.verdict.value}",reason="{each.reason}"}} {each.count}\n'


def _whole(status: DirectorStatus) -> Iterator[str]:
    for kind, name, what, value in (
        ("gauge", "director_table_capacity", "Entries there is room for", status.table.capacity),
        ("gauge", "director_table_used", "Entries in use", status.table.used),
        ("gauge", "director_generation", "Table image in force", status.generation),
        (
            "counter",
            "director_frames_lost_total",
            "Frames that came faster than they were taken",
            status.frames_lost,
        ),
        (
            "gauge",
            "director_start_time_seconds",
            "When it started, since the epoch",
            status.started.timestamp(),
        ),
    ):
        yield f"{_head(kind, name, what)}{name} {value}\n"
