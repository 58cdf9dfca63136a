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
_Family = tuple[str, str, str, Callable[[DestinationStats], int]]
_OF_DESTINATIONS: tuple[_Family, ...] = (
    *(
        (f"director_destination_{name}_total", "counter", what, attrgetter(f"counters.{name}"))
        for name, what in _COUNTED.items()
    ),
    (
        "director_destination_active",
        "gauge",
        "Connections now: being opened or established",
        attrgetter("active"),
    ),
    ("director_destination_inactive", "gauge", "Connections now: others", attrgetter("inactive")),
    (
        "director_destination_persistent",
        "gauge",
        "Clients that persistence keeps here",
        attrgetter("persistent"),
    ),
    ("director_destination_weight", "gauge", "Weight; 0 is quiesced", attrgetter("destination.weight")),
)


class Exposition:
    """One scrape: each service is added as it is counted, and only its lines are kept."""

    def __init__(self) -> None:
        self._services: dict[str, list[str]] = {each.name: [] for each in fields(Counters)}
        self._destinations: dict[str, list[str]] = {name: [] for name, *_ in _OF_DESTINATIONS}

    def add(self, stats: ServiceStats) -> None:
        """Take a service's numbers, and those of its destinations."""
        for name, lines in self._services.items():
            labels = f'{{service="{stats.service}"}}'
            lines.append(f"director_service_{name}_total{labels} {getattr(stats.counters, name)}\n")
        labelled = [
            (f'{{service="{stats.service}",destination="{each.destination.endpoint}"}}', each)
            for each in stats.destinations
        ]
        for name, _, _, value in _OF_DESTINATIONS:
            written = [f"{name}{labels} {value(each)}\n" for labels, each in labelled]
            self._destinations[name].append("".join(written))

    def text(self, reasons: Iterable[ReasonCount], status: DirectorStatus) -> Iterator[str]:
        """Write everything, a few hundred lines at a time."""
        for name, lines in self._services.items():
            yield _head("counter", f"director_service_{name}_total", _COUNTED[name])
            yield from lines
        for name, kind, what, _ in _OF_DESTINATIONS:
            yield _head(kind, name, what)
            yield from self._destinations[name]
        yield from _packets(reasons)
        yield from _whole(status)


def _head(kind: str, name: str, what: str) -> str:
    return f"# HELP {name} {what}\n# TYPE {name} {kind}\n"


def _packets(reasons: Iterable[ReasonCount]) -> Iterator[str]:
    name = "director_packets_total"
    yield _head("counter", name, "Packets by what became of them and why")
    for each in reasons:
        yield f'{name}{{verdict="{each.verdict.value}",reason="{each.reason}"}} {each.count}\n'


def _whole(status: DirectorStatus) -> Iterator[str]:
    for kind, name, what, value in (
        ("gauge", "director_table_capacity", "Entries there is room for", status.table.capacity),
        ("gauge", "director_table_used", "Entries in use", status.table.used),
        (
            "gauge",
            "director_table_templates",
            "Entries in use that are persistence templates",
            status.table.templates,
        ),
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
