# SPDX-License-Identifier: Apache-2.0
"""Whatever a caller sends is answered by 4xx in words or not at all, never by 5xx, and changes nothing."""

from __future__ import annotations

import logging
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from director.config.limits import MAX_TEXT
from director.control.client import RefusedError, destinations_path, service_path
from director.control.routes import SMALL_BODY
from director.model.service import Scheduler
from tests.unit.control.fake import STATUS
from tests.unit.control.running import Running, http, json_of, status_of

WEB_PATH = service_path("tcp:192.0.2.1:80")
SCHEDULERS = ", ".join(each.value for each in Scheduler)
DNS_PATH = service_path("udp:192.0.2.1:53")
SERVICE_BODY = b'{"protocol": "tcp", "address": "192.0.2.1:81"}'
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "an unknown path": (http("GET", "/v2"), 404, 'path: "/v2" is not a path of /v1/openapi.json'),
    "a method the path has not": (
        http("DELETE", "/v1/services"),
        405,
        'method: "DELETE" is not GET, POST',
    ),
    "no such service": (http("GET", DNS_PATH + "53"), 404, "no such service: udp:192.0.2.1:5353"),
    "a service that is no service": (
        http("GET", "/v1/services/web"),
        400,
        'service: "web" is not a service such as tcp:192.0.2.1:80',
    ),
    "no such destination": (
        http("DELETE", WEB_PATH + "/destinations/10.9.9.9"),
        404,
        "no such destination: tcp:192.0.2.1:80 -> 10.9.9.9:80",
    ),
    "a destination that is no destination": (
        http("DELETE", WEB_PATH + "/destinations/x"),
        400,
        'destination: "x" is not an address and port such as 192.0.2.1:80',
    ),
    "a service that is there": (
        http("POST", "/v1/services", SERVICE_BODY.replace(b"81", b"80")),
        409,
        "service already exists: tcp:192.0.2.1:80",
    ),
    "a body of another kind": (
        http("POST", "/v1/services", SERVICE_BODY, "text/plain"),
        415,
        "Content-Type: text/plain is not application/json",
    ),
    "TOML where only JSON is read": (
        http("POST", "/v1/services", SERVICE_BODY, "application/toml"),
        415,
        "Content-Type: application/toml is not application/json",
    ),
    "no body": (
        http("POST", "/v1/services"),
        400,
        "line 1, column 1: Expecting value; expected JSON",
    ),
    "a body that is not UTF-8": (
        http("POST", "/v1/services", b'{"protocol": "\xff"}'),
        400,
        "is not UTF-8: byte 0xff at offset 14; expected text in UTF-8",
    ),
    "a lone surrogate": (
        http("POST", "/v1/services", b'{"\\udc80": 1, "address": "192.0.2.1:81", "protocol": "tcp"}'),
        400,
        "is not JSON: it has half of a surrogate pair; expected JSON",
    ),
    "a list": (http("POST", "/v1/services", b"[]"), 400, "a list is not a table"),
    "wrong types": (
        http("PATCH", WEB_PATH, b'{"scheduler": 1, "flags": {}}'),
        400,
        (f"scheduler: 1 is not one of {SCHEDULERS}\nflags: a table is not a list of scheduler flags"),
    ),
    "null for what is left out": (
        http("PATCH", WEB_PATH, b'{"scheduler": null}'),
        400,
        f"scheduler: null is not one of {SCHEDULERS}",
    ),
    "a weight of -1": (
        http("PATCH", WEB_PATH + "/destinations/10.0.0.2", b'{"weight": -1}'),
        400,
        "weight: -1 is below 0",
    ),
    "a whole configuration with faults": (
        http("PUT", "/v1/config", b"[timeouts]\nudp = 0\nlan = 1", "application/toml"),
        400,
        (
            "timeouts.udp: 0 is below 1\n"
            "timeouts.lan: unknown key; there are 26, and docs/configuration.md lists them"
        ),
    ),
    "an unknown parameter": (
        http("GET", "/v1/connections?stat=NONE"),
        400,
        "stat: unknown key; did you mean state?",
    ),
    "a parameter given twice": (
        http("GET", "/v1/connections?limit=1&limit=2"),
        400,
        "limit: is given more than once",
    ),
    "a parameter where none is": (
        http("GET", "/v1/reasons?x=1"),
        400,
        "x: unknown key; expected nothing",
    ),
    "a parameter of the wrong kind": (
        http("GET", "/v1/connections?limit=x&client=1"),
        400,
        (
            'client: "1" is not an address or network such as 198.51.100.0/24\n'
            'limit: "x" is not an integer from 1 to 100000'
        ),
    ),
    "a key given twice": (
        http("PATCH", WEB_PATH, b'{"scheduler": "rr", "scheduler": "wlc"}'),
        400,
        "scheduler: is given more than once",
    ),
    "an integer without end": (
        http("PUT", "/v1/config", b"[timeouts]\nudp = " + b"1" * 5000, "application/toml"),
        400,
        "has an integer of more than 4300 digits; expected numbers of their range",
    ),
    "a key of very many parts": (
        http("PUT", "/v1/config", b"a." * 50_000 + b"a = 1", "application/toml"),
        400,
        "line 1, column 1: a key of more than 16 parts; expected at most 16",
    ),
    "a body that is deep": (
        http("POST", "/v1/services", b"[" * 100_000),
        400,
        "is nested too deeply; expected flat objects",
    ),
    "a body that is too large": (
        http("POST", "/v1/services", b" " * (SMALL_BODY + 1)),
        413,
        "the body is above 1048576 bytes",
    ),
    "a small body that unpacks to a huge one": (
        http("POST", "/v1/services", zlib.compress(b" " * 2**24), more="Content-Encoding: deflate\r\n"),
        413,
        "the body is above 1048576 bytes",
    ),
    "a body that is not packed as it says": (
        http("POST", "/v1/services", b"not packed", more="Content-Encoding: gzip\r\n"),
        400,
        "the body cannot be read; expected a body as its headers describe it",
    ),
}


@pytest.mark.parametrize(("request_", "status", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_has_its_status_and_its_sentences_and_changes_nothing(
    server: Running, request_: bytes, status: int, sentence: str
) -> None:
    answer = server.raw(request_)
    faults = json_of(answer)["error"]["faults"]  # type: ignore[index]
    said = "\n".join(
        f"{each['key']}: {each['message']}" if each["key"] else each["message"] for each in faults
    )
    assert (status_of(answer), said) == (status, sentence)
    assert (server.director.applied, server.director.stops) == ([], 0)


def test_a_client_that_sends_too_much_is_told_so(server: Running) -> None:
    with pytest.raises(RefusedError) as caught:
        server.client.put_toml("/v1/config", "#" * (MAX_TEXT + 2**20))
    assert (caught.value.status, str(caught.value)) == (413, f"the body is above {MAX_TEXT} bytes")


def test_a_body_that_does_not_arrive_is_refused_in_time(server: Running) -> None:
    answer = server.raw(http("POST", "/v1/services", b"{" + b" " * 100)[:-50])
    assert status_of(answer) == 408


def test_a_body_cut_short_is_no_edit_and_the_server_lives_on(server: Running) -> None:
    server.raw_and_away(http("POST", "/v1/services", SERVICE_BODY)[:-5])
    assert server.client.get("/v1/status")["pid"] == STATUS.pid
    assert server.director.applied == []


def test_a_refusal_names_key_found_and_expected(server: Running) -> None:
    with pytest.raises(RefusedError) as caught:
        server.client.post(
            destinations_path("tcp:192.0.2.1:80"), {"address": "10.0.0.5:80", "method": "dr", "weight": -1}
        )
    (fault,) = caught.value.faults
    assert (fault.key, fault.found, fault.expected) == ("weight", "-1", "an integer from 0 to 2147483647")


@pytest.mark.parametrize("method_and_path", ["POST /v1/services", "PUT /v1/config", f"PATCH {WEB_PATH}"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(st.binary(max_size=99), st.text(max_size=99).map(str.encode)))
@example(body=b'{"destination": [[]], "service": [{"destination": {}}], "flags": [[]]}')
@example(body=b'{"scheduler": "\\ud800"}')
def test_no_body_makes_the_server_fail(server: Running, method_and_path: str, body: bytes) -> None:
    method, path = method_and_path.split(" ")
    for kind in ("application/json", "application/toml"):
        assert status_of(server.raw(http(method, path, body, kind))) in {200, 400, 415}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(), st.binary().map(lambda tail: b"GET /v1/connections?" + tail + b" HTTP/1.1\r\n\r\n")
    )
)
@example(data=b"GET /v1/connections?client=%ff HTTP/1.1\r\nHost: d\r\n\r\n")
@example(data=b"GET /v1/services/%ff HTTP/1.1\r\nHost: d\r\n\r\n")
@example(
    data=b"POST /v1/services HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/json\r\n\r\nzz\r\n"
)
@example(data=b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")
def test_no_bytes_make_the_server_fail(
    server: Running, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    answer = server.raw_and_away(data)
    assert not answer or status_of(answer) < 500
    assert server.client.get("/v1/status")["pid"] == STATUS.pid
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
