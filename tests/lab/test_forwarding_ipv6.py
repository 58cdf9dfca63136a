# SPDX-License-Identifier: Apache-2.0
"""Over IPv6 each server answers by its weight and sees the client itself, by every method and data path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.lab.forwarding import (
    DATAPATHS,
    NEEDS,
    Stage,
    Venue,
    Way,
    dns_clients,
    eventually,
    http_log,
    venue_of,
)

CLIENT = "2001:db8:7::10"
WAYS = (
    Way("dr", "2001:db8::1", "fd00:", "lan"),
    Way("tun", "2001:db8::2", "fd00:", "lan"),
    Way("nat", "2001:db8::3", "fd00:", "lan", "fd00::2"),
)
REFUSED = 7  # curl: no connection; a timeout is 28
BY_WEIGHT = {"rs1": 6, "rs2": 4, "rs3": 2}
pytestmark = [pytest.mark.lab, NEEDS]


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue_of("ipv6", WAYS) as it:
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def at_work(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        assert it.carried_by() == {request.param}
        yield it


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.method)
def test_http_is_answered_by_every_server_by_its_weight(at_work: Stage, way: Way) -> None:
    assert at_work.curl(f"[{way.vip}]", 12) == BY_WEIGHT


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.method)
def test_dns_is_answered_by_every_server_by_its_weight(at_work: Stage, way: Way) -> None:
    assert at_work.dig(way.vip, 12, client=CLIENT) == BY_WEIGHT


def test_the_access_logs_hold_the_clients_own_address(at_work: Stage) -> None:
    for way in WAYS:
        at_work.curl(f"[{way.vip}]", 6)
        at_work.dig(way.vip, 6, client=CLIENT)
    for node in at_work.servers:
        eventually(partial(http_log, node), lambda: "an access log is empty")
        assert {line["client"] for line in http_log(node)} == {CLIENT}
        assert set(dns_clients(node)) == {CLIENT}


def test_a_ping_of_a_vip_is_answered_by_the_directors_host(at_work: Stage) -> None:
    for way in WAYS:
        assert at_work.client.run(("ping", "-6", "-c", "1", "-W", "5", way.vip)).returncode == 0


def test_a_port_without_a_service_is_refused_at_once(at_work: Stage) -> None:
    refused = at_work.client.run(("curl", "-sS", "--max-time", "5", "http://[2001:db8::1]:81/"))
    assert refused.returncode == REFUSED
