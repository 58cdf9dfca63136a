# SPDX-License-Identifier: Apache-2.0
"""`director connections` against a control server that listens."""

from __future__ import annotations

import json

import pytest
from netaddr import IPAddress, IPNetwork

from director.model.connection import ConnectionQuery, ConnectionState, Endpoint
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import WEB

HEADER = "PROT  EXPIRE  STATE        CLIENT              VIRTUAL       SERVER       METHOD  PKTS\n"
ROWS = (
    "tcp    15:00  ESTABLISHED  198.51.100.1:40001  192.0.2.1:80  10.0.0.2:80  dr         1\n",
    "tcp    14:58  FIN_WAIT     198.51.100.2:40002  192.0.2.1:80  10.0.0.2:80  dr         2\n",
    "tcp    14:58  ESTABLISHED  198.51.100.3:40003  192.0.2.1:80  10.0.0.2:80  dr         3\n",
    "tcp    14:56  FIN_WAIT     198.51.100.4:40004  192.0.2.1:80  10.0.0.2:80  dr         4\n",
    "tcp    14:56  ESTABLISHED  198.51.100.5:40005  192.0.2.1:80  10.0.0.2:80  dr         5\n",
)


def test_all_connections_are_listed(director: StoppableDirector, run: Run) -> None:
    assert run("connections").output == HEADER + "".join(ROWS)


def test_a_list_that_is_cut_says_so(director: StoppableDirector, run: Run) -> None:
    told = "\n2 of 5 connections; --limit 5 shows all\n"
    assert run("connections", "--limit", "2").output == HEADER + "".join(ROWS[:2]) + told


FILTERS = [
    (("--service", "tcp:192.0.2.1:80"), ConnectionQuery(service=WEB)),
    (("--server", "10.0.0.2"), ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 0))),
    (("--server", "10.0.0.2:80"), ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 80))),
    (("--client", "198.51.100.0/24"), ConnectionQuery(client=IPNetwork("198.51.100.0/24"))),
    (("--state", "fin_wait"), ConnectionQuery(state=ConnectionState.FIN_WAIT)),
    (("--limit", "7"), ConnectionQuery(limit=7)),
    (("--count",), ConnectionQuery(limit=0)),
    (("--templates", "--count"), ConnectionQuery(limit=0, templates=True)),
    (("--templates",), ConnectionQuery(templates=True)),
    (
        ("--server", "10.0.0.2", "--state", "ESTABLISHED", "--count"),
        ConnectionQuery(
            destination=Endpoint(IPAddress("10.0.0.2"), 0), state=ConnectionState.ESTABLISHED, limit=0
        ),
    ),
]


@pytest.mark.parametrize(("words", "query"), FILTERS, ids=[" ".join(each[0]) for each in FILTERS])
def test_each_filter_reaches_the_director(
    words: tuple[str, ...], query: ConnectionQuery, director: StoppableDirector, run: Run
) -> None:
    assert run("connections", *words).exit_code == 0
    assert director.queries == [query]


def test_a_count_is_a_number_and_no_more(director: StoppableDirector, run: Run) -> None:
    assert run("connections", "--state", "fin_wait", "--count").output == "2\n"


def test_a_count_as_json_is_the_answer_of_the_api(director: StoppableDirector, run: Run) -> None:
    answer = {"connections": [], "total": 5, "next_cursor": None}
    assert json.loads(run("connections", "--count", "--json").output) == answer


REFUSED = [
    (("--client", "here"), 'client: "here" is not an address or network such as 198.51.100.0/24'),
    (("--limit", "0"), 'limit: "0" is not an integer from 1 to 100000'),
    (("--service", "web"), 'service: "web" is not a service such as tcp:192.0.2.1:80'),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[" ".join(each[0]) for each in REFUSED])
def test_a_wrong_filter_is_named(
    words: tuple[str, ...], sentence: str, director: StoppableDirector, run: Run
) -> None:
    result = run("connections", *words)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{sentence}\n")
