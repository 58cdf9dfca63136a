# SPDX-License-Identifier: Apache-2.0
"""`director server` against a control server that listens."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.cli.server import address_of
from director.model import Destination, ForwardingMethod, Tunnel, TunnelChecksum, TunnelType
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import FIRST, SECOND, WEB

NEW = Destination(IPAddress("10.0.0.4"), 80, ForwardingMethod.TUN, 3)
USUAL = {"upper": 0, "lower": 0, "tunnel": "ipip", "tunnel_port": 0, "tunnel_checksum": "none"}
HEADER = "SERVICE           SERVER       METHOD  WEIGHT  ACTIVE  INACTIVE  PERSISTENT  NEXT HOP\n"


def destinations_after(director: StoppableDirector) -> tuple[Destination, ...]:
    (applied,) = director.applied
    service = applied.service(WEB)
    assert service is not None
    return service.destinations


@pytest.mark.parametrize("words", [("server", "list"), ("server", "list", "tcp:192.0.2.1:80")], ids=" ".join)
def test_servers_are_listed_with_their_connections_and_the_way_to_them(
    words: tuple[str, ...], director: StoppableDirector, run: Run
) -> None:
    row = "tcp:192.0.2.1:80  10.0.0.2:80  dr           1       3         2           4  resolved\n"
    assert run(*words).output == HEADER + row


def test_a_service_without_servers_has_an_empty_list(director: StoppableDirector, run: Run) -> None:
    result = run("server", "list", "udp:192.0.2.1:53")
    assert (result.exit_code, result.output.split()) == (0, HEADER.split())


def test_a_list_as_json_is_what_is_configured(director: StoppableDirector, run: Run) -> None:
    assert json.loads(run("server", "list", "tcp:192.0.2.1:80", "--json").output) == {
        "destination": [
            {"address": "10.0.0.2:80", "method": "dr", "weight": 1, **USUAL},
            {"address": "10.0.0.3:8080", "method": "nat", "weight": 3, **USUAL},
        ]
    }


@pytest.mark.parametrize("written", ["10.0.0.4", "10.0.0.4:80"])
def test_a_server_has_the_services_port_unless_it_names_one(
    written: str, director: StoppableDirector, run: Run
) -> None:
    result = run("server", "add", "tcp:192.0.2.1:80", written, "--method", "tun", "--weight", "3")
    assert (result.exit_code, result.output) == (
        0,
        "+ server tcp:192.0.2.1:80 -> 10.0.0.4:80 tun weight 3\n",
    )
    assert destinations_after(director) == (FIRST, SECOND, NEW)


def test_a_weight_of_0_is_given_as_any_other(director: StoppableDirector, run: Run) -> None:
    result = run("server", "edit", "tcp:192.0.2.1:80", "10.0.0.2", "--weight", "0")
    assert result.output == "~ server tcp:192.0.2.1:80 -> 10.0.0.2:80 weight 1 -> 0\n"
    assert destinations_after(director) == (replace(FIRST, weight=0), SECOND)


def test_another_method_leaves_the_weight(director: StoppableDirector, run: Run) -> None:
    run("server", "edit", "tcp:192.0.2.1:80", "10.0.0.2", "--method", "NAT")
    assert destinations_after(director) == (replace(FIRST, method=ForwardingMethod.NAT), SECOND)


def test_a_server_is_added_with_limits_and_a_tunnel(director: StoppableDirector, run: Run) -> None:
    words = ("--method", "tun", "--upper", "100", "--lower", "50", "--tunnel", "gue", "--tunnel-port", "6080")
    result = run("server", "add", "tcp:192.0.2.1:80", "10.0.0.4", *words, "--tunnel-checksum", "checksum")
    assert (result.exit_code, result.output) == (
        0,
        (
            "+ server tcp:192.0.2.1:80 -> 10.0.0.4:80 tun weight 1 limits 50-100 tunnel gue:6080 checksum "
            "checksum\n"
        ),
    )
    tunnel = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.CHECKSUM)
    assert destinations_after(director)[-1] == replace(NEW, weight=1, upper=100, lower=50, tunnel=tunnel)


def test_a_deleted_server_is_gone(director: StoppableDirector, run: Run) -> None:
    result = run("server", "delete", "tcp:192.0.2.1:80", "10.0.0.3:8080")
    assert result.output == "- server tcp:192.0.2.1:80 -> 10.0.0.3:8080 nat weight 3\n"
    assert destinations_after(director) == (FIRST,)


REFUSED = [
    (
        ("add", "tcp:192.0.2.1:80", "10.0.0.2", "--method", "dr"),
        "server already exists: tcp:192.0.2.1:80 -> 10.0.0.2:80",
    ),
    (("add", "tcp:192.0.2.9:80", "10.0.0.2", "--method", "dr"), "no such service: tcp:192.0.2.9:80"),
    (
        ("add", "tcp:192.0.2.1:80", "10.0.0.9", "--method", "dr", "--weight", "-1"),
        "weight: -1 is below 0",
    ),
    (
        ("add", "tcp:192.0.2.1:80", "10.0.0", "--method", "dr"),
        '"10.0.0" is not an address and port such as 192.0.2.1:80',
    ),
    (
        ("add", "tcp:192.0.2.1:80", "10.0.0.9:8080", "--method", "dr"),
        "address: 10.0.0.9:8080 has port 8080; dr keeps the service's port 80",
    ),
    (
        ("edit", "tcp:192.0.2.1:80", "10.0.0.9", "--weight", "2"),
        "no such server: tcp:192.0.2.1:80 -> 10.0.0.9:80",
    ),
    (
        ("delete", "tcp:192.0.2.1:80", "10.0.0.9"),
        "no such server: tcp:192.0.2.1:80 -> 10.0.0.9:80",
    ),
    (("list", "tcp:192.0.2.9:80"), "no such service: tcp:192.0.2.9:80"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[" ".join(each[0]) for each in REFUSED])
def test_what_is_refused_is_a_sentence_and_changes_nothing(
    words: tuple[str, ...], sentence: str, director: StoppableDirector, run: Run
) -> None:
    result = run("server", *words)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{sentence}\n")
    assert director.applied == []


def test_an_edit_says_what_to_change(director: StoppableDirector, run: Run) -> None:
    result = run("server", "edit", "tcp:192.0.2.1:80", "10.0.0.2")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: name what to change",
    )


def test_the_address_of_an_endpoint_has_no_brackets() -> None:
    assert [address_of("10.0.0.2:80"), address_of("[2001:db8::2]:80")] == ["10.0.0.2", "2001:db8::2"]
