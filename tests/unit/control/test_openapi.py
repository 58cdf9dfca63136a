# SPDX-License-Identifier: Apache-2.0
"""The description is OpenAPI 3.1, names every route, and the answers are as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from director.control import openapi
from director.control.routes import ROUTES, Route
from tests.unit.control.running import Running

DOCUMENT = json.loads(json.dumps(openapi.document()))
WEB = "/v1/services/tcp:192.0.2.1:80"
SERVICE = {"protocol": "tcp", "address": "192.0.2.1:81", "scheduler": "sh", "flags": ["sh-port"]}

# for each route, a request that succeeds
SUCCEEDING: dict[str, tuple[str, object]] = {
    "listServices": ("/v1/services", None),
    "addService": ("/v1/services", SERVICE),
    "getService": (WEB, None),
    "editService": (WEB, {"scheduler": "rr"}),
    "deleteService": (WEB, None),
    "listDestinations": (f"{WEB}/destinations", None),
    "addDestination": (f"{WEB}/destinations", {"address": "10.0.0.7:80", "method": "tun", "weight": 2}),
    "editDestination": (f"{WEB}/destinations/10.0.0.2", {"weight": 0}),
    "deleteDestination": (f"{WEB}/destinations/10.0.0.2", None),
    "listMarks": ("/v1/marks", None),
    "addMark": ("/v1/marks", {"mark": 8, "network": "192.0.2.0/24", "protocol": "udp", "ports": "53"}),
    "deleteMark": ("/v1/marks?mark=7&network=192.0.2.0/24", None),
    "getSysctl": ("/v1/sysctl", None),
    "editSysctl": ("/v1/sysctl", {"expire_nodest_conn": 1}),
    "getTimeouts": ("/v1/timeouts", None),
    "editTimeouts": ("/v1/timeouts", {"udp": 3}),
    "listSync": ("/v1/sync", None),
    "putSync": ("/v1/sync/backup", {"interface": "eth1", "syncid": 7}),
    "deleteSync": ("/v1/sync/master", None),
    "applyEdits": ("/v1/edits", {"edits": [{"do": "add-service", "service": SERVICE}, {"do": "clear"}]}),
    "getConfig": ("/v1/config", None),
    "putConfig": ("/v1/config?dry_run=true", {"timeouts": {"udp": 3}, "service": [SERVICE]}),
    "listConnections": ("/v1/connections?limit=2", None),
    "getStats": ("/v1/stats", None),
    "zeroStats": ("/v1/stats/zero", None),
    "getReasons": ("/v1/reasons", None),
    "getStatus": ("/v1/status", None),
    "stop": ("/v1/stop", None),
    "getOpenapi": ("/v1/openapi.json", None),
    "getMetrics": ("/metrics", None),
}
# what has to be asked before, so that a request succeeds
BEFORE = {
    "deleteMark": ("POST", "/v1/marks", {"mark": 7, "network": "192.0.2.0/24"}),
    "listSync": ("PUT", "/v1/sync/master", {"interface": "eth1"}),
    "deleteSync": ("PUT", "/v1/sync/master", {"interface": "eth1"}),
}
# for each status that a route can refuse with, requests that are refused so
REFUSED = {
    "no such service": ("GET", "/v1/services/tcp:192.0.2.1:9", None, 404),
    "a service that is there": ("POST", "/v1/services", {"protocol": "tcp", "address": "192.0.2.1:80"}, 409),
    "a faulty service": ("POST", "/v1/services", {}, 400),
    "a faulty parameter": ("GET", "/v1/connections?limit=0", None, 400),
}


def validate(schema: Any, value: object) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def ask(server: Running, method: str, target: str, values: object) -> tuple[int, str, bytes]:
    body = b"" if values is None else json.dumps(values).encode()
    kind = "" if values is None else "Content-Type: application/json\r\n"
    line = f"{method} {target} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n"
    head = f"{line}{kind}Content-Length: {len(body)}\r\n\r\n"
    answer_head, _, answer = server.raw(head.encode() + body).partition(b"\r\n\r\n")
    media_type = re.search(rb"Content-Type: ([^;\r]+)", answer_head)
    return int(answer_head.split(b" ")[1]), media_type[1].decode() if media_type else "", answer


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}


def test_every_route_has_its_succeeding_request_here() -> None:
    assert sorted(SUCCEEDING) == sorted(route.name for route in ROUTES)


def test_the_document_is_of_the_version_it_says_and_its_references_lead_somewhere() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert names - set(DOCUMENT["components"]["schemas"]) == set()
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operation_names_are_unique() -> None:
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))


def test_path_parameters_are_those_of_the_path() -> None:
    for route in ROUTES:
        described = DOCUMENT["paths"][route.path][route.method.lower()]["parameters"]
        in_path = {each["name"] for each in described if each["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", route.path))


def test_the_filters_of_connections_are_described() -> None:
    parameters = DOCUMENT["paths"]["/v1/connections"]["get"]["parameters"]
    assert [each["name"] for each in parameters] == [
        "service", "destination", "client", "state", "limit", "cursor", "count", "templates",
    ]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_answer_is_as_described(server: Running, route: Route) -> None:
    target, values = SUCCEEDING[route.name]
    if route.name in BEFORE:
        ask(server, *BEFORE[route.name])
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    if values is not None:
        validate(operation["requestBody"]["content"]["application/json"]["schema"], values)
    status, media_type, answer = ask(server, route.method, target, values)
    described = operation["responses"][str(status)].get("content", {})
    assert (status, media_type in described or not answer) == (route.status, True)
    if media_type == "application/json":
        validate(described[media_type]["schema"], json.loads(answer))


@pytest.mark.parametrize(("method", "target", "values", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_as_described(
    server: Running, method: str, target: str, values: object, status: int
) -> None:
    found, media_type, answer = ask(server, method, target, values)
    assert (found, media_type) == (status, "application/json")
    validate({"$ref": "#/components/schemas/ErrorAnswer"}, json.loads(answer))


def test_the_server_hands_out_the_same_document(server: Running) -> None:
    assert server.client.get("/v1/openapi.json") == DOCUMENT


def test_the_guide_names_every_request_and_no_other() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    named = re.findall(r"^\| `([A-Z]+) (\S+)` \|", guide, re.MULTILINE)
    assert sorted(named) == sorted((route.method, route.path) for route in ROUTES)
