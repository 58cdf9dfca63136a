# SPDX-License-Identifier: Apache-2.0
"""The local node: the director is one of a service's servers, and its own stack answers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.digest_server import content
from tests.lab.forwarding import (
    DATAPATHS,
    DIGEST_PORT,
    DIGEST_SERVER,
    NEEDS,
    Stage,
    Venue,
    endpoint,
    eventually,
    venue,
    venue_of,
)
from tests.lab.test_forwarding_ipv6 import CLIENT as CLIENT6
from tests.lab.test_forwarding_ipv6 import WAYS as WAYS6

pytestmark = [pytest.mark.lab, NEEDS]

SIZE = 200_000
ASKED = 20
OWN_SERVER = Path(__file__).parent / "own_server.py"
DNS = (
    "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
    "--pid-file", "--txt-record=whoami.lab,director",
)  # fmt: skip
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


@pytest.fixture(scope="module")
def place_of_ipv6() -> Iterator[Venue]:
    with venue_of("ipv6", WAYS6) as it:
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def six(place_of_ipv6: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place_of_ipv6.carried_by(request.param) as it:
        yield it


@contextmanager
def served(it: Stage) -> Iterator[None]:
    node = it.lab.node("director")
    with (
        node.start((sys.executable, str(OWN_SERVER)), log="own"),
        node.start(DNS, log="dns"),
        node.start((sys.executable, str(DIGEST_SERVER), str(DIGEST_PORT), "director"), log="digest"),
    ):
        node.wait_port("tcp", "::", 80)
        node.wait_port("udp", "0.0.0.0", 53)
        node.wait_port("tcp", "0.0.0.0", DIGEST_PORT)
        yield


def apply(
    it: Stage, method: str, own: str, *others: str, port: int = 80, protocol: str = "tcp", more: str = ""
) -> str:
    """Put a service in force with the director and these as servers; return its VIP."""
    vip = it.way(method).vip
    own = vip if own == "the VIP" else own
    servers = "".join(
        f'[[service.destination]]\naddress = "{endpoint(address, port)}"\nmethod = "{method}"\n'
        for address in (own, *others)
    )
    service = f'[[service]]\nprotocol = "{protocol}"\naddress = "{endpoint(vip, port)}"\nscheduler = "rr"\n'
    it.apply(service + more + servers)
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
def test_the_director_answers_half_of_the_datagrams_itself(mixed: Stage, method: str, own: str) -> None:
    with served(mixed):
        vip = apply(mixed, method, own, mixed.way(method).server("rs1"), port=53, protocol="udp")
        assert mixed.dig(vip, ASKED) == {"director": ASKED // 2, "rs1": ASKED // 2}


@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_over_ipv6_the_director_answers_half_of_all_itself(six: Stage, method: str) -> None:
    server, half = six.way(method).server("rs1"), {"director": ASKED // 2, "rs1": ASKED // 2}
    with served(six):
        vip = apply(six, method, "the VIP", server)
        assert six.curl(f"[{vip}]", ASKED) == half
        apply(six, method, "the VIP", server, port=53, protocol="udp")
        assert six.dig(vip, ASKED, client=CLIENT6) == half


def test_a_client_stays_with_the_director_until_that_is_drained(mixed: Stage) -> None:
    server = mixed.way("dr").server("rs1")
    with served(mixed):
        vip = apply(mixed, "dr", LOOPBACK, server, more="persistence = 100\n")
        service, own = f"tcp:{vip}:80", f"{LOOPBACK}:80"
        mixed.director("server", "edit", service, f"{server}:80", "--weight", "0")
        assert mixed.curl(vip, ASKED) == {"director": ASKED}
        mixed.director("server", "edit", service, f"{server}:80", "--weight", "1")
        assert mixed.curl(vip, ASKED) == {"director": ASKED}
        mixed.director("sysctl", "expire_quiescent_template=1")
        mixed.director("server", "edit", service, own, "--weight", "0")
        assert mixed.curl(vip, ASKED) == {"rs1": ASKED}
        mixed.director("sysctl", "expire_quiescent_template=0")


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
