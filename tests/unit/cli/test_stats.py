# SPDX-License-Identifier: Apache-2.0
"""`director stats` against a control server that listens."""

from __future__ import annotations

import json

import pytest

from director.cli.answers import Counters, DestinationStats, Rates, ServiceStats
from director.cli.printing import count, show, table
from director.cli.stats import RATES, TOTALS, lines
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import WEB


def test_totals_stand_below_each_other(director: StoppableDirector, run: Run) -> None:
    assert run("stats").output == (
        "SERVICE / SERVER  CONNS  PKTS IN  PKTS OUT  BYTES IN  BYTES OUT\n"
        "tcp:192.0.2.1:80      5       50        10      5000       1000\n"
        "  -> 10.0.0.2:80      5       50        10      5000       1000\n"
        "udp:192.0.2.1:53      0        0         0         0          0\n"
    )


def test_rates_are_per_second(director: StoppableDirector, run: Run) -> None:
    assert run("stats", "--rates", "--service", "tcp:192.0.2.1:80").output == (
        "SERVICE / SERVER  CONNS/S  PKTS IN/S  PKTS OUT/S  BYTES IN/S  BYTES OUT/S\n"
        "tcp:192.0.2.1:80      0.5        5.0         1.0         500          100\n"
        "  -> 10.0.0.2:80      0.5        5.0         1.0         500          100\n"
    )


def test_reasons_come_with_their_sentences(director: StoppableDirector, run: Run) -> None:
    assert run("stats", "--reasons").output == (
        "VERDICT   REASON          PACKETS  MEANING\n"
        "transmit  forwarded            50  sent to a real server\n"
        "drop      no-destination        2  no real server was left\n"
    )


def counted(method: str, outgoing: int) -> DestinationStats:
    counters = Counters(connections=1, packets_in=2, bytes_in=3, packets_out=outgoing, bytes_out=outgoing)
    rates = Rates(connections=1.0, packets_in=2.0, bytes_in=3.0, packets_out=0.0, bytes_out=0.0)
    return DestinationStats(
        destination=f"10.0.0.2:{len(method)}",
        method=method,
        weight=1,
        active=0,
        inactive=0,
        persistent=0,
        counters=counters,
        rates=rates,
    )


def service_of(*servers: DestinationStats) -> ServiceStats:
    whole = servers[0]
    return ServiceStats(
        service="tcp:192.0.2.1:80",
        active=0,
        inactive=0,
        counters=whole["counters"],
        rates=whole["rates"],
        destinations=list(servers),
    )


UNKNOWN = [
    ("replies of dr and tun servers are unknown", (counted("dr", 0), counted("tun", 0)), ["-", "-", "-"]),
    ("replies of a nat server are counted", (counted("nat", 0),), ["0", "0"]),
    (
        "a service knows the replies that one server shows",
        (counted("nat", 0), counted("dr", 0)),
        ["0", "0", "-"],
    ),
    ("what was counted by an earlier method stays", (counted("dr", 9),), ["9", "9"]),
]


@pytest.mark.parametrize(
    ("servers", "outgoing"), [case[1:] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN]
)
def test_what_nobody_can_know_is_not_0(servers: tuple[DestinationStats, ...], outgoing: list[str]) -> None:
    shown = lines([service_of(*servers)])
    for field in ("PKTS OUT", "BYTES OUT"):
        (column,) = (column for column in TOTALS if column.title == field)
        assert [column.cell(line) for line in shown] == outgoing


def test_unknown_rates_are_not_0_either(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(RATES, lines([service_of(counted("dr", 0))])))
    assert capsys.readouterr().out == (
        "SERVICE / SERVER  CONNS/S  PKTS IN/S  PKTS OUT/S  BYTES IN/S  BYTES OUT/S\n"
        "tcp:192.0.2.1:80      1.0        2.0           -         3.0            -\n"
        "  -> 10.0.0.2:2       1.0        2.0           -         3.0            -\n"
    )


def test_a_service_without_servers_has_sent_nothing() -> None:
    empty = ServiceStats(
        service="tcp:192.0.2.1:80",
        active=0,
        inactive=0,
        counters=counted("dr", 0)["counters"],
        rates=counted("dr", 0)["rates"],
        destinations=[],
    )
    assert [[column.cell(line) for column in TOTALS] for line in lines([empty])] == [
        ["tcp:192.0.2.1:80", "1", "2", count(0), "3", count(0)]
    ]


def test_json_narrowed_to_a_service_keeps_its_shape(director: StoppableDirector, run: Run) -> None:
    every = json.loads(run("stats", "--json").output)
    one = json.loads(run("stats", "--json", "--service", "tcp:192.0.2.1:80").output)
    assert [each["service"] for each in every["services"]] == ["tcp:192.0.2.1:80", "udp:192.0.2.1:53"]
    assert one == {"services": every["services"][:1]}


def test_counters_are_set_to_0(director: StoppableDirector, run: Run) -> None:
    assert run("stats", "--zero").output == ""
    assert run("stats", "--zero", "--service", "tcp:192.0.2.1:80").output == ""
    assert director.zeroed == [None, WEB]


def test_a_service_that_is_not_there_has_no_numbers(director: StoppableDirector, run: Run) -> None:
    result = run("stats", "--service", "tcp:192.0.2.9:80")
    assert (result.exit_code, result.output) == (1, "no such service: tcp:192.0.2.9:80\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--reasons", "--rates"),
        ("--reasons", "--service", "x"),
        ("--zero", "--json"),
        ("--zero", "--reasons"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_together_is_refused(
    words: tuple[str, ...], director: StoppableDirector, run: Run
) -> None:
    result = run("stats", *words)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: --reasons, --zero and what shows services exclude each other",
    )
    assert director.zeroed == []
