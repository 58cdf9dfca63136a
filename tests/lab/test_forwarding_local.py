# SPDX-License-Identifier: Apache-2.0
"""The local node: the director is one of a service's servers, and its own stack answers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.digest_server import content
from tests.lab.forwarding import DATAPATHS, DIGEST_PORT, DIGEST_SERVER, NEEDS, Stage, Venue, eventually, venue

pytestmark = [pytest.mark.lab, NEEDS]

SIZE = 200_000
ASKED = 20
SERVER = """
import http.server

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Served-By", "director")
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("0.0.0.0", 80), Page).serve_forever()
"""
CALL = "import socket, sys; socket.create_connection((sys.argv[1], 80), 3)"
LOOPBACK = "127.0.0.1"
KINDS = (("dr", LOOPBACK), ("dr", "the VIP"), ("tun", LOOPBACK), ("nat", "the VIP"))


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        (it.lab.node("client").run_directory / "body").write_bytes(content(SIZE))
        for name in ("all", "default", "lo", "lan"):  # as systemd sets them on Debian
            it.lab.node("director").output_of(("sysctl", "-w", f"net.ipv4.conf.{name}.rp_filter=2"))
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def mixed(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


@contextmanager
def served(it: Stage) -> Iterator[None]:
    node = it.lab.node("director")
    with (
        node.start((sys.executable, "-c", SERVER), log="own"),
        node.start((sys.executable, str(DIGEST_SERVER), str(DIGEST_PORT), "director"), log="digest"),
    ):
        node.wait_port("tcp", "0.0.0.0", 80)
        node.wait_port("tcp", "0.0.0.0", DIGEST_PORT)
        yield


def apply(it: Stage, method: str, own: str, *others: str, port: int = 80) -> str:
    """Put a service in force with the director and these as servers; return its VIP."""
    vip = it.way(method).vip
    own = vip if own == "the VIP" else own
    servers = "".join(
        f'[[service.destination]]\naddress = "{address}:{port}"\nmethod = "{method}"\n'
        for address in (own, *others)
    )
    it.apply(f'[[service]]\nprotocol = "tcp"\naddress = "{vip}:{port}"\nscheduler = "rr"\n{servers}')
    eventually(lambda: ways(it) == {own: "local"} | dict.fromkeys(others, "resolved"), lambda: str(ways(it)))
    return vip


def ways(it: Stage) -> dict[str, str]:
    hops = json.loads(it.director("status", "--json"))["next_hops"]
    return {hop["destination"]: hop["state"] for hop in hops}


def connections(it: Stage, vip: str) -> Counter[str]:
    """Count by server the connections to a VIP that there ever were."""
    [found] = json.loads(it.director("stats", "--service", f"tcp:{vip}:80", "--json"))["services"]
    return Counter({one["destination"]: one["counters"]["connections"] for one in found["destinations"]})


@pytest.mark.parametrize(("method", "own"), KINDS)
def test_the_director_answers_half_of_the_requests_itself(mixed: Stage, method: str, own: str) -> None:
    server, vip = mixed.way(method).server("rs1"), mixed.way(method).vip
    itself = vip if own == "the VIP" else own
    with served(mixed):
        apply(mixed, method, own, server)
        before = connections(mixed, vip)
        assert mixed.curl(vip, ASKED) == {"director": ASKED // 2, "rs1": ASKED // 2}
    assert connections(mixed, vip) - before == {f"{one}:80": ASKED // 2 for one in (itself, server)}


@pytest.mark.parametrize(("method", "own"), KINDS)
def test_large_frames_reach_the_directors_own_server_whole(mixed: Stage, method: str, own: str) -> None:
    with served(mixed):
        vip = apply(mixed, method, own, port=DIGEST_PORT)
        url = f"http://{vip}:{DIGEST_PORT}/"
        done = mixed.client.run(("curl", "-sS", "-m", "5", "-T", "/run/body", url))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("method", "own"), KINDS)
def test_where_the_director_does_not_serve_its_stack_refuses(mixed: Stage, method: str, own: str) -> None:
    vip = apply(mixed, method, own)
    done = mixed.client.run((sys.executable, "-c", CALL, vip))
    assert done.stderr.splitlines()[-1] == "ConnectionRefusedError: [Errno 111] Connection refused"
