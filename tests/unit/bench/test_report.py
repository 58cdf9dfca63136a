# SPDX-License-Identifier: Apache-2.0
"""The tables say what was measured, and the JSON document holds every sample of it."""

import io
import json

from rich.console import Console

from bench.machine import Machine
from bench.measures import Effort
from bench.report import HEADINGS, Words, describe, document, markdown, show, tables
from bench.samples import Sample

MACHINE = Machine(
    date="2026-11-24T12:00:00+00:00", commit="0123456789ab", kernel="6.1.0", system="Debian 12",
    processor="A processor", cores=2, load=0.1, programs={"wrk": "4.1.0"},
)  # fmt: skip
SAMPLES = (
    Sample(0, "forward", "upload", 10.0),
    Sample(1, "forward", "upload", 12.0),
    Sample(0, "forward-bypass", "upload", 20.0),
    Sample(0, "haproxy", "upload", 5.0),
    Sample(1, "packet-nat", "upload", 9.0),
)
UPLOAD = Words(
    title="Bulk TCP, client to server, one stream [Gbit/s], more is better",
    headings=HEADINGS,
    rows=(
        ("kernel forwarding", "11.0", "± 5 %", "-", "-", "2.00"),
        ("kernel forwarding, replies bypass", "20.0", "-", "-", "-", "4.00"),
        ("HAProxy, TCP mode", "5.0", "-", "0.50", "-", "-"),
        ("director packet, NAT", "9.0", "-", "0.75", "-", "-"),
    ),
)
MEDIANS = Words(
    title="Medians",
    headings=("", "Gbit/s up"),
    rows=tuple(row[:2] for row in UPLOAD.rows),
)
GOALS = Words(
    title="Goals",
    headings=("", "goal", "measured", "wanted", ""),
    rows=(("director packet, NAT", "bulk TCP up: 0.8 of kernel forwarding", "0.75", "≥ 0.8", "missed"),),
)


def test_there_are_medians_then_each_quantity_with_spread_and_paired_ratios_then_the_goals() -> None:
    assert tables(SAMPLES) == (MEDIANS, UPLOAD, GOALS)


def test_nothing_measured_makes_no_table() -> None:
    assert tables(()) == ()


def test_the_terminal_shows_every_cell() -> None:
    output = io.StringIO()
    show(Console(file=output, width=118), (UPLOAD, GOALS))
    said = output.getvalue()
    assert [cell for words in (UPLOAD, GOALS) for row in words.rows for cell in row if cell not in said] == []
    assert UPLOAD.title in said


def test_a_document_part_is_a_table_of_markdown() -> None:
    assert markdown((GOALS,), MACHINE).splitlines() == [
        describe(MACHINE),
        "",
        "**Goals**",
        "",
        "|  | goal | measured | wanted |  |",
        "| --- | --- | --- | --- | --- |",
        "| director packet, NAT | bulk TCP up: 0.8 of kernel forwarding | 0.75 | ≥ 0.8 | missed |",
    ]


def test_where_and_when_is_said_in_a_line() -> None:
    assert describe(MACHINE) == (
        "2026-11-24T12:00:00+00:00, commit 0123456789ab: 2 cores of A processor, "
        "Linux 6.1.0, Debian 12; wrk 4.1.0."
    )


def test_the_json_document_holds_samples_goals_failures_and_the_machine() -> None:
    written = json.loads(json.dumps(document(SAMPLES, ("round 1: gone",), MACHINE, Effort(3, 1000))))
    assert written["samples"][0] == {"round": 0, "contender": "forward", "quantity": "upload", "value": 10.0}
    assert len(written["samples"]) == len(SAMPLES)
    assert [(goal["contender"], goal["ratio"], goal["met"]) for goal in written["goals"]] == [
        ("packet-nat", 0.75, False)
    ]
    assert written["failures"] == ["round 1: gone"]
    assert written["effort"] == {"seconds": 3, "pace": 1000}
    assert written["machine"]["programs"] == {"wrk": "4.1.0"}
    assert {"name": "upload", "title": "Bulk TCP, client to server, one stream", "unit": "Gbit/s",
            "better": "more", "marginal_to": None} in written["quantities"]  # fmt: skip
