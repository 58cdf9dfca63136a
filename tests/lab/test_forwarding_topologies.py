# SPDX-License-Identifier: Apache-2.0
"""In every topology each server answers by its weight, sees the client itself, and replies go their way."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.lab import captures
from tests.lab.forwarding import (
    CLIENT,
    DATAPATHS,
    NEEDS,
    SCENES,
    WEIGHTS,
    Stage,
    Venue,
    dns_clients,
    eventually,
    http_log,
    one_at_a_time,
)

SIZE = captures.Frames.OF_WIRE_SIZE  # requests and answers are small
pytestmark = [pytest.mark.lab, NEEDS]


@pytest.fixture(scope="module")
def places() -> Iterator[Callable[[str], Venue]]:
    with one_at_a_time() as visit:
        yield visit


@pytest.fixture(scope="module", params=itertools.product(SCENES, DATAPATHS), ids="-".join)
def at_work(places: Callable[[str], Venue], request: pytest.FixtureRequest) -> Iterator[Stage]:
    scene, datapath = request.param
    with places(scene).carried_by(datapath) as it:
        assert it.carried_by() == {datapath}
        yield it


def test_http_is_answered_by_every_server_by_its_weight(at_work: Stage) -> None:
    got = {way.vip: at_work.curl(way.vip, 60) for way in at_work.ways}
    assert got == {way.vip: {"rs1": 30, "rs2": 20, "rs3": 10} for way in at_work.ways}


def test_dns_is_answered_by_every_server_by_its_weight(at_work: Stage) -> None:
    got = {way.vip: at_work.dig(way.vip, 60) for way in at_work.ways}
    assert got == {way.vip: {"rs1": 30, "rs2": 20, "rs3": 10} for way in at_work.ways}


def test_the_access_logs_hold_the_clients_own_address(at_work: Stage) -> None:
    for way in at_work.ways:
        at_work.curl(way.vip, 6)
        at_work.dig(way.vip, 6)
    for node in at_work.servers:
        eventually(partial(http_log, node), lambda: "an access log is empty")
        assert {line["client"] for line in http_log(node)} == {CLIENT}
        assert set(dns_clients(node)) == {CLIENT}


def test_replies_go_the_way_that_the_method_promises(at_work: Stage) -> None:
    """A frame that the bridge floods to the director's port is none for it."""
    for way in at_work.ways:
        with captures.before(at_work.lab, "director", f"ip dst host {CLIENT}", SIZE) as director:
            answered = at_work.curl(way.vip, 12) + at_work.dig(way.vip, 12)
        assert answered == {"rs1": 12, "rs2": 8, "rs3": 4}
        through = Counter(packet.source for packet in director.packets() if packet.to_host)
        if way.method == "nat":
            assert set(through) == {way.server(node) for node in WEIGHTS}
        else:
            assert through == {}


def test_each_request_reaches_one_server_once(at_work: Stage) -> None:
    with _watch(at_work) as (sent, arrived):
        answered = {way.vip: at_work.curl(way.vip, 12) + at_work.dig(way.vip, 6) for way in at_work.ways}
        _wait_for_equality(sent, arrived)
    assert answered == {way.vip: {"rs1": 9, "rs2": 6, "rs3": 3} for way in at_work.ways}
    assert len({packet.flow for packet in sent()}) == 18 * len(at_work.ways)
    takers = Counter(flow for packets in arrived().values() for flow in {packet.flow for packet in packets})
    assert set(takers.values()) == {1}


Sent = Callable[[], list[captures.Packet]]
Arrived = Callable[[], dict[str, list[captures.Packet]]]


@contextmanager
def _watch(at_work: Stage) -> Iterator[tuple[Sent, Arrived]]:
    """Watch the requests' packets: as the client sends them, and as they arrive at each server."""
    filters = "(tcp port 80 or udp port 53 or proto 4)"
    with (
        captures.at(at_work.client, filters, SIZE) as client,
        captures.on_each(at_work.servers, filters, SIZE) as servers,
    ):
        yield (
            lambda: [packet for packet in client.packets() if packet.source == CLIENT],
            lambda: {
                node.name: [one for one in seen.packets() if one.source == CLIENT and one.to_host]
                for node, seen in zip(at_work.servers, servers, strict=True)
            },
        )


def _wait_for_equality(sent: Sent, arrived: Arrived) -> None:
    eventually(
        lambda: sent() and not _differences(sent(), arrived()),
        lambda: "\n".join(_differences(sent(), arrived())),
        deadline=5,
    )


def _differences(sent: list[captures.Packet], arrived: dict[str, list[captures.Packet]]) -> list[str]:
    """Say which packets did not arrive once and unchanged."""
    wanted = Counter(packet.identity for packet in sent)
    found = Counter(packet.identity for packets in arrived.values() for packet in packets)
    return [
        f"sent {wanted[one]}, arrived {found[one]}: {one}"
        for one in sorted(wanted | found, key=str)
        if wanted[one] != found[one]
    ]
