# SPDX-License-Identifier: Apache-2.0
"""The control API over its socket: what is asked, what the director is told, what is answered."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork

from director.config.load import load
from director.config.save import save
from director.control.client import Client, RefusedError, destination_path, destinations_path, service_path
from director.model.configuration import Configuration
from director.model.connection import ConnectionQuery, ConnectionState, Endpoint
from director.model.service import (
    Destination,
    ForwardingMethod,
    Scheduler,
    SchedulerFlag,
    VirtualService,
)
from tests.unit.control.fake import CONFIGURATION, DNS, FIRST, SECOND, WEB
from tests.unit.control.running import Running, http, json_of, status_of

WEB_PATH = service_path("tcp:192.0.2.1:80")
DNS_PATH = service_path("udp:192.0.2.1:53")
USUAL = {"upper": 0, "lower": 0, "tunnel": "ipip", "tunnel_port": 0, "tunnel_checksum": "none"}
SECOND_JSON = {"address": "10.0.0.3:8080", "method": "nat", "weight": 3, **USUAL}
WEB_JSON = {
    "protocol": "tcp",
    "address": "192.0.2.1:80",
    "mark": 0,
    "family": "ipv4",
    "scheduler": "wlc",
    "flags": [],
    "persistence": 0,
    "persistence_mask": "",
    "one_packet": False,
    "timeouts": {},
    "destination": [{"address": "10.0.0.2:80", "method": "dr", "weight": 1, **USUAL}, SECOND_JSON],
}
DNS_JSON = {
    **WEB_JSON,
    "protocol": "udp",
    "address": "192.0.2.1:53",
    "scheduler": "sh",
    "flags": ["sh-port"],
    "destination": [],
}
CONNECTION_JSON = {
    "protocol": "tcp",
    "client": "198.51.100.2:40002",
    "virtual": "192.0.2.1:80",
    "destination": "10.0.0.2:80",
    "method": "dr",
    "state": "FIN_WAIT",
    "expires_in": 898.5,
    "packets": 2,
    "template": False,
}

Request = Callable[[Client], Any]


def test_services_are_listed_as_the_configuration_writes_them(server: Running) -> None:
    assert server.client.get("/v1/services") == {"service": [WEB_JSON, DNS_JSON]}
    assert server.client.get(DNS_PATH) == DNS_JSON
    assert server.client.get(destinations_path("tcp:192.0.2.1:80")) == {
        "destination": WEB_JSON["destination"]
    }


WEB_SERVICE, DNS_SERVICE = CONFIGURATION.services
TUNNEL = Destination(IPAddress("10.0.0.9"), 80, ForwardingMethod.TUN, 1)
EDITS: dict[str, tuple[Request, list[str], Configuration]] = {
    "a service is added with its destinations": (
        lambda client: client.post(
            "/v1/services",
            {
                "protocol": "tcp",
                "address": "192.0.2.9:80",
                "destination": [{"address": "10.0.0.9:80", "method": "tun"}],
            },
        ),
        ["+ service tcp:192.0.2.9:80 scheduler wlc", "+ server tcp:192.0.2.9:80 -> 10.0.0.9:80 tun weight 1"],
        replace(
            CONFIGURATION,
            services=(
                *CONFIGURATION.services,
                VirtualService(replace(WEB, address=IPAddress("192.0.2.9")), destinations=(TUNNEL,)),
            ),
        ),
    ),
    "a service is edited": (
        lambda client: client.patch(DNS_PATH, {"flags": ["sh-fallback"]}),
        ["~ service udp:192.0.2.1:53 flags sh-port -> sh-fallback"],
        Configuration((WEB_SERVICE, replace(DNS_SERVICE, flags=frozenset({SchedulerFlag.SH_FALLBACK})))),
    ),
    "a scheduler is changed": (
        lambda client: client.patch(WEB_PATH, {"scheduler": "rr"}),
        ["~ service tcp:192.0.2.1:80 scheduler wlc -> rr"],
        Configuration((replace(WEB_SERVICE, scheduler=Scheduler.RR), DNS_SERVICE)),
    ),
    "a service is deleted": (
        lambda client: client.delete(WEB_PATH),
        ["- service tcp:192.0.2.1:80 scheduler wlc"],
        Configuration((DNS_SERVICE,)),
    ),
    "a destination is added": (
        lambda client: client.post(f"{WEB_PATH}/destinations", {"address": "10.0.0.9:80", "method": "tun"}),
        ["+ server tcp:192.0.2.1:80 -> 10.0.0.9:80 tun weight 1"],
        Configuration((replace(WEB_SERVICE, destinations=(FIRST, SECOND, TUNNEL)), DNS_SERVICE)),
    ),
    "a destination is edited by its address alone": (
        lambda client: client.patch(destination_path("tcp:192.0.2.1:80", "10.0.0.2"), {"weight": 0}),
        ["~ server tcp:192.0.2.1:80 -> 10.0.0.2:80 weight 1 -> 0"],
        Configuration((replace(WEB_SERVICE, destinations=(replace(FIRST, weight=0), SECOND)), DNS_SERVICE)),
    ),
    "a destination is deleted": (
        lambda client: client.delete(destination_path("tcp:192.0.2.1:80", "10.0.0.3:8080")),
        ["- server tcp:192.0.2.1:80 -> 10.0.0.3:8080 nat weight 3"],
        Configuration((replace(WEB_SERVICE, destinations=(FIRST,)), DNS_SERVICE)),
    ),
    "a whole configuration is put as TOML": (
        lambda client: client.put_toml("/v1/config", "[timeouts]\nudp = 9\n" + save(CONFIGURATION)),
        ["~ timeouts.udp 300 -> 9"],
        load("[timeouts]\nudp = 9\n" + save(CONFIGURATION)),
    ),
}


@pytest.mark.parametrize(("ask", "lines", "want"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_applied_once_and_answers_what_changed(
    server: Running, ask: Request, lines: list[str], want: Configuration
) -> None:
    answer = ask(server.client)
    assert [change["text"] for change in answer["changes"]] == lines
    assert server.director.applied == [want]


def test_a_dry_run_tells_the_difference_and_applies_nothing(server: Running) -> None:
    answer = server.client.put_toml("/v1/config", "[director]\nworkers = 2\n", dry_run="true")
    assert answer == {
        "changes": [
            {
                "kind": "setting-changed",
                "text": "~ director.workers 1 -> 2 (from the next start)",
                "needs_restart": True,
            },
            {
                "kind": "service-removed",
                "text": "- service tcp:192.0.2.1:80 scheduler wlc",
                "needs_restart": False,
            },
            {
                "kind": "service-removed",
                "text": "- service udp:192.0.2.1:53 scheduler sh flags sh-port",
                "needs_restart": False,
            },
        ]
    }
    assert server.director.applied == []


def test_the_configuration_is_shown_as_toml_and_as_json(server: Running) -> None:
    assert load(server.client.get_text("/v1/config", format="toml")) == CONFIGURATION
    assert server.client.get("/v1/config")["service"] == [WEB_JSON, DNS_JSON]


def test_the_json_configuration_can_be_put_back(server: Running) -> None:
    shown = json.dumps(server.client.get("/v1/config")).encode()
    answer = server.raw(http("PUT", "/v1/config", shown))
    assert (status_of(answer), json_of(answer)) == (200, {"changes": []})


def test_edits_at_the_same_time_do_not_undo_one_another(server: Running) -> None:
    wanted = [{"protocol": "tcp", "address": f"192.0.2.1:{port}"} for port in range(1000, 1016)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: server.client.post("/v1/services", body), wanted))
    added = {service.key.port for service in server.director.current.services}
    assert added == {WEB.port, DNS.port, *range(1000, 1016)}


def test_connections_are_filtered_and_paged(server: Running) -> None:
    page = server.client.get(
        "/v1/connections",
        service="tcp:192.0.2.1:80",
        destination="10.0.0.2",
        client="198.51.100.0/24",
        state="FIN_WAIT",
        limit="1",
    )
    assert page == {"connections": [CONNECTION_JSON], "total": 2, "next_cursor": 1}
    assert server.director.queries == [
        ConnectionQuery(
            WEB,
            Endpoint(FIRST.address, 0),
            IPNetwork("198.51.100.0/24"),
            ConnectionState.FIN_WAIT,
            limit=1,
            cursor=0,
        )
    ]


def test_the_last_page_has_no_cursor(server: Running) -> None:
    page = server.client.get("/v1/connections", limit="2", cursor="4")
    assert (len(page["connections"]), page["total"], page["next_cursor"]) == (1, 5, None)


def test_connections_are_counted_without_listing_them(server: Running) -> None:
    assert server.client.get("/v1/connections", count="true") == {
        "connections": [],
        "total": 5,
        "next_cursor": None,
    }


def test_counters_are_zeroed_for_one_service_or_for_all(server: Running) -> None:
    assert server.client.post("/v1/stats/zero", service="tcp:192.0.2.1:80") is None
    assert server.client.post("/v1/stats/zero") is None
    assert server.director.zeroed == [WEB, None]


def test_a_director_can_be_told_to_leave_forwarding_on(server: Running) -> None:
    assert server.client.post("/v1/stop", leave_running="true") == {"stopping": True}
    assert (server.director.stops, server.director.leaves) == (0, 1)


def test_a_director_that_can_not_leave_forwarding_on_goes_on_and_says_why(server: Running) -> None:
    server.director.why_not_left = "nothing is pinned"
    with pytest.raises(RefusedError, match="nothing is pinned") as refusal:
        server.client.post("/v1/stop", leave_running="true")
    assert refusal.value.status == 409
    assert (server.director.stops, server.director.leaves) == (0, 0)


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EIO, 500)])
def test_what_the_machine_does_not_do_is_said_in_a_sentence(
    server: Running, number: int, status: int
) -> None:
    server.director.failing = OSError(number, "the journal can not be written")
    with pytest.raises(RefusedError, match="the journal can not be written") as refusal:
        server.client.delete("/v1/services/tcp:192.0.2.1:80")
    assert (refusal.value.status, len(refusal.value.faults)) == (status, 1)


def test_a_stop_is_answered_before_it_happens(server: Running) -> None:
    assert server.client.post("/v1/stop") == {"stopping": True}
    assert server.director.stops == 1


def many(services: int) -> Configuration:
    ports = range(1, services + 1)
    return Configuration(
        tuple(VirtualService(replace(WEB, port=port), destinations=(SECOND,)) for port in ports)
    )


def test_a_long_answer_is_whole_though_it_is_written_in_parts(server: Running) -> None:
    server.director.current = many(1000)
    assert b"Transfer-Encoding: chunked" in server.raw(http("GET", "/v1/services"))
    services = [
        {**WEB_JSON, "address": f"192.0.2.1:{port}", "destination": [SECOND_JSON]} for port in range(1, 1001)
    ]
    assert server.client.get("/v1/services") == {"service": services}
    assert server.client.get("/v1/config")["service"] == services


def test_an_edit_goes_through_while_nobody_reads_a_long_answer(server: Running) -> None:
    server.director.current = many(20_000)
    with server._connected() as slow:
        slow.sendall(http("GET", "/v1/services"))
        assert slow.recv(1) == b"H"
        server.client.patch(f"/v1/services/tcp:192.0.2.1:7/destinations/{SECOND.endpoint}", {"weight": 9})
    (applied,) = server.director.applied
    assert applied.services[6].destinations == (replace(SECOND, weight=9),)


def test_the_numbers_of_one_service_are_asked_alone(server: Running) -> None:
    (web,) = server.client.get("/v1/stats", service="tcp:192.0.2.1:80")["services"]
    assert (web["service"], len(web["destinations"])) == ("tcp:192.0.2.1:80", 1)
    (hop,) = server.client.get("/v1/status", service="tcp:192.0.2.1:80")["next_hops"]
    assert hop["destination"] == "10.0.0.2"
    for path in ("/v1/stats", "/v1/status"):
        assert status_of(server.raw(http("GET", f"{path}?service=tcp:192.0.2.9:80"))) == 404


def test_totals_are_told_without_destinations(server: Running) -> None:
    every = server.client.get("/v1/stats")["services"]
    wanted = [{**service, "destinations": []} for service in every]
    assert server.client.get("/v1/stats", destinations="false")["services"] == wanted
