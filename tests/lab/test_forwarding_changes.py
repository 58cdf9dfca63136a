# SPDX-License-Identifier: Apache-2.0
"""Changes under load: nobody's request fails, and what was changed holds for what is new."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import Process
from tests.lab.forwarding import (
    DATAPATHS,
    NEEDS,
    Stage,
    Venue,
    Way,
    configuration,
    eventually,
    http_log,
    venue,
)
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("wrk")]

METHODS = ("dr", "tun", "nat")
CLOSE, KEEP = ("-H", "Connection: close"), ()


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        it.lab.node("client").output_of(("sysctl", "-qw", "net.ipv4.ip_local_port_range=30000 65535"))
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def whole(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


@pytest.fixture
def mixed(whole: Stage) -> Stage:
    """Start each test from the same configuration, and from empty logs: they are read over and over."""
    whole.apply(configuration(whole.ways))
    for node in whole.servers:
        os.truncate(node.access_log("nginx"), 0)
    return whole


@pytest.mark.parametrize("method", METHODS)
def test_weight_0_gets_nothing_new_and_keeps_what_it_has(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    with load(mixed, way, mode=KEEP) as wrk:
        eventually(lambda: requests(mixed, "rs1", way), lambda: "rs1 was asked nothing")
        mixed.director("server", "edit", service(way), way.server("rs1"), "--weight", "0")
        new = mixed.curl(way.vip, 12)
        before = requests(mixed, "rs1", way)
        eventually(
            lambda: requests(mixed, "rs1", way) > before, lambda: "old connections got no more answers"
        )
        assert_no_error(wrk)
    assert new == {"rs2": 8, "rs3": 4}


@pytest.mark.parametrize("method", METHODS)
def test_a_server_that_is_deleted_and_added_again_gets_its_share_again(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    mixed.director("server", "delete", service(way), way.server("rs1"))
    without = mixed.curl(way.vip, 12)
    mixed.director("server", "add", service(way), way.server("rs1"), "--method", method, "--weight", "3")
    assert (without, mixed.curl(way.vip, 12)) == ({"rs2": 8, "rs3": 4}, {"rs1": 6, "rs2": 4, "rs3": 2})


def test_a_service_that_is_deleted_is_refused_and_answers_once_it_is_back(mixed: Stage) -> None:
    way = mixed.way("dr")
    one = configuration((way,), ports=(("tcp", 80),))
    everything = configuration(mixed.ways)
    mixed.apply(configuration(mixed.ways, ports=(("udp", 53),)))
    refused = mixed.curl(way.vip, 3)
    mixed.apply(one)
    back = mixed.curl(way.vip, 6)
    mixed.apply(everything)
    assert (refused, back) == ({"000": 3}, {"rs1": 3, "rs2": 2, "rs3": 1})


@pytest.mark.parametrize("method", METHODS)
def test_connections_outlive_a_service_that_is_deleted_and_added_again(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    with load(mixed, way, mode=KEEP) as wrk:
        eventually(lambda: requests(mixed, "rs1", way), lambda: "rs1 was asked nothing")
        mixed.apply(configuration(mixed.ways, ports=(("udp", 53),)))
        mixed.apply(configuration(mixed.ways))
        assert_no_error(wrk)


@pytest.mark.parametrize("method", METHODS)
def test_configurations_that_are_applied_under_load_fail_no_request(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    others = (
        configuration(mixed.ways, {"rs1": 1, "rs2": 1, "rs3": 4}),
        configuration(mixed.ways, scheduler="wlc"),
        configuration(mixed.ways, ports=(("tcp", 80),)),
        configuration(mixed.ways, scheduler="mh"),
        configuration((way,)),
    )
    with load(mixed, way, mode=CLOSE) as wrk:
        for text in itertools.chain(others, others[:2]):
            mixed.apply(text)
        assert_no_error(wrk)


@pytest.mark.parametrize("method", METHODS)
def test_a_server_is_drained_and_deleted_under_load_without_an_error(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    with load(mixed, way, mode=CLOSE) as wrk:
        eventually(lambda: requests(mixed, "rs2", way), lambda: "rs2 was asked nothing")
        mixed.director("server", "edit", service(way), way.server("rs2"), "--weight", "0")
        eventually(
            lambda: active(mixed, way, "rs2") == 0, lambda: f"still there: {connections(mixed, way, 'rs2')}"
        )
        mixed.director("server", "delete", service(way), way.server("rs2"))
        assert_no_error(wrk)
    assert mixed.curl(way.vip, 8) == {"rs1": 6, "rs3": 2}


def service(way: Way) -> str:
    return f"tcp:{way.vip}:80"


@contextmanager
def load(mixed: Stage, way: Way, mode: tuple[str, ...]) -> Iterator[Process]:
    """Have wrk ask by 8 connections at a time, until `assert_no_error` ends it."""
    label = f"wrk-{time.monotonic_ns()}"
    command = ("wrk", "-t1", "-c8", "-d60", "--timeout", "2", *mode, f"http://{way.vip}/?wrk")
    with mixed.client.start(command, log=label) as wrk:
        yield wrk


def assert_no_error(wrk: Process) -> None:
    """End wrk: all that it asked has been answered until now, and with status 200."""
    assert wrk.is_running, wrk.tail()
    wrk.signal(signal.SIGINT)
    assert wrk.wait(timeout=15) == 0
    said = wrk.log.read_text()
    assert int(re.findall(r"(\d+) requests in", said)[0]) > 100, said
    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said


def requests(mixed: Stage, node: str, way: Way) -> int:
    """Count wrk's requests of this way that a server has logged."""
    server = way.server(node) if way.method == "nat" else way.vip
    log = http_log(mixed.lab.node(node))
    return sum(line["server"] == server and "wrk" in line["request"] for line in log)


def connections(mixed: Stage, way: Way, node: str) -> str:
    """List a server's connections."""
    return mixed.director("connections", "--service", service(way), "--server", way.server(node))


def active(mixed: Stage, way: Way, node: str) -> int:
    """Return how many active connections the director counts for a server."""
    answer = json.loads(mixed.director("stats", "--service", service(way), "--json"))
    [one] = answer["services"]
    address = f"{way.server(node)}:80"
    return int(next(it["active"] for it in one["destinations"] if it["destination"] == address))
