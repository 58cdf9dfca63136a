# SPDX-License-Identifier: Apache-2.0
"""The director's numbers in Prometheus's text format, made anew from the nouns for each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from director.model.counters import Counters, DirectorStatus, ReasonCount, ServiceStats

_COUNTED = {
    "connections": "Connections scheduled",
    "packets_in": "Packets from clients",
    "bytes_in": "IP bytes from clients",
    "packets_out": "Packets to clients (NAT only: other replies do not pass the director)",
    "bytes_out": "IP bytes to clients (NAT only: other replies do not pass the director)",
}


@dataclass(frozen=True, slots=True)
class Reading(Collector):
    """Everything that one scrape tells."""

    stats: tuple[ServiceStats, ...]
    reasons: tuple[ReasonCount, ...]
    status: DirectorStatus

    def collect(self) -> Iterator[Metric]:
        services = [((str(each.service),), each.counters) for each in self.stats]
        below = [each for service in self.stats for each in service.destinations]
        destinations = [((str(each.service), each.destination.endpoint), each.counters) for each in below]
        yield from _counted("director_service", ("service",), services)
        yield from _counted("director_destination", ("service", "destination"), destinations)
        yield from self._connections()
        yield from self._weights()
        yield self._packets()
        yield from self._whole()

    def _connections(self) -> Iterator[Metric]:
        for name, what in (("active", "established or being opened"), ("inactive", "others")):
            family = GaugeMetricFamily(
                f"director_destination_{name}", f"Connections now: {what}", labels=("service", "destination")
            )
            for service in self.stats:
                for each in service.destinations:
                    family.add_metric((str(each.service), each.destination.endpoint), getattr(each, name))
            yield family

    def _weights(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "director_destination_weight", "Weight; 0 is quiesced", labels=("service", "destination")
        )
        for service in self.stats:
            for each in service.destinations:
                labels = (str(each.service), each.destination.endpoint)
                family.add_metric(labels, each.destination.weight)
        yield family

    def _packets(self) -> Metric:
        family = CounterMetricFamily(
            "director_packets", "Packets by what became of them and why", labels=("verdict", "reason")
        )
        for each in self.reasons:
            family.add_metric((each.verdict.value, each.reason), each.count)
        return family

    def _whole(self) -> Iterator[Metric]:
        table, status = self.status.table, self.status
        yield GaugeMetricFamily("director_table_capacity", "Entries there is room for", value=table.capacity)
        yield GaugeMetricFamily("director_table_used", "Entries in use", value=table.used)
        yield GaugeMetricFamily("director_generation", "Table image in force", value=status.generation)
        yield CounterMetricFamily(
            "director_frames_lost", "Frames that came faster than they were taken", value=status.frames_lost
        )
        started = status.started.timestamp()
        yield GaugeMetricFamily(
            "director_start_time_seconds", "When it started, since the epoch", value=started
        )


def exposition(
    stats: tuple[ServiceStats, ...], reasons: tuple[ReasonCount, ...], status: DirectorStatus
) -> bytes:
    """Write one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Reading(stats, reasons, status))
    return generate_latest(registry)


def _counted(
    prefix: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Counters]]
) -> Iterator[Metric]:
    found = list(rows)
    for each in fields(Counters):
        family = CounterMetricFamily(f"{prefix}_{each.name}", _COUNTED[each.name], labels=labels)
        for values, counters in found:
            family.add_metric(values, getattr(counters, each.name))
        yield family
