# SPDX-License-Identifier: Apache-2.0
"""The numbers in Prometheus's text format, as its own parser reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from director.control.metrics import Exposition
from tests.unit.control.fake import REASONS, STATS, STATUS
from tests.unit.control.running import Running

SERVICE = (("service", "tcp:192.0.2.1:80"),)
IDLE = (("service", "udp:192.0.2.1:53"),)
DESTINATION = (("destination", "10.0.0.2:80"), *SERVICE)


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


COUNTED = {"connections": 5, "packets_in": 50, "bytes_in": 5000, "packets_out": 10, "bytes_out": 1000}
WANT: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
    **{(f"director_service_{name}_total", SERVICE): float(value) for name, value in COUNTED.items()},
    **{(f"director_service_{name}_total", IDLE): 0.0 for name in COUNTED},
    **{(f"director_destination_{name}_total", DESTINATION): float(value) for name, value in COUNTED.items()},
    ("director_destination_active", DESTINATION): 3.0,
    ("director_destination_inactive", DESTINATION): 2.0,
    ("director_destination_persistent", DESTINATION): 4.0,
    ("director_destination_weight", DESTINATION): 1.0,
    ("director_packets_total", (("reason", "forwarded"), ("verdict", "transmit"))): 50.0,
    ("director_packets_total", (("reason", "no-destination"), ("verdict", "drop"))): 2.0,
    ("director_table_capacity", ()): 1_000_000.0,
    ("director_table_used", ()): 7.0,
    ("director_table_templates", ()): 2.0,
    ("director_generation", ()): 7.0,
    ("director_frames_lost_total", ()): 3.0,
    ("director_start_time_seconds", ()): STATUS.started.timestamp(),
}


def test_every_number_is_exposed() -> None:
    scrape = Exposition()
    for each in STATS:
        scrape.add(each)
    assert samples("".join(scrape.text(REASONS, STATUS))) == WANT


def test_the_server_exposes_the_same(server: Running) -> None:
    assert samples(server.client.get_text("/metrics")) == WANT
