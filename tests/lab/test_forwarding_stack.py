# SPDX-License-Identifier: Apache-2.0
"""The director's own stack: silent about services, and as ever about everything else on a VIP."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.lab import captures
from tests.lab.forwarding import CLIENT, DATAPATHS, NEEDS, Stage, Venue, venue
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ping")]

SIZE = captures.Frames.OF_WIRE_SIZE  # requests and answers are small
METHODS = ("dr", "tun", "nat")
GREETING = """
import socket
server = socket.create_server(("0.0.0.0", 2222))
while True:
    connection, _ = server.accept()
    connection.sendall(b"host")
    connection.close()
"""
CALL = (
    "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).recv(9).decode())"
)


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def mixed(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


@pytest.mark.parametrize("method", METHODS)
def test_the_director_sends_nothing_of_its_own_for_a_service(mixed: Stage, method: str) -> None:
    """What it sends is the client's packet, wrapped or not; with NAT also the server's, from the VIP."""
    vip = mixed.way(method).vip
    with (
        captures.before(mixed.lab, "director", "ip", SIZE) as seen,
        captures.at(mixed.client, "ip", SIZE) as client,
    ):
        assert sum(mixed.curl(vip, 24).values()) == 24
        assert sum(mixed.dig(vip, 24).values()) == 24
    sent = [packet for packet in seen.packets() if packet.from_host]
    assert {packet.source for packet in sent} == ({CLIENT, vip} if method == "nat" else {CLIENT})
    everything = sent + client.packets()
    assert [str(packet) for packet in everything if packet.is_reset or packet.is_icmp] == []


@pytest.mark.parametrize("method", METHODS)
def test_a_ping_to_the_vip_is_answered_by_the_director(mixed: Stage, method: str) -> None:
    vip = mixed.way(method).vip
    with captures.before(mixed.lab, "director", "icmp", SIZE) as seen:
        assert mixed.client.run(("ping", "-q", "-c", "2", "-i", "0.1", "-W", "2", vip)).returncode == 0
    replies = [packet for packet in seen.packets() if packet.from_host]
    assert [(packet.source, packet.destination) for packet in replies] == [(vip, CLIENT)] * 2


@pytest.mark.parametrize("method", METHODS)
def test_another_port_on_the_vip_is_the_directors_own(mixed: Stage, method: str) -> None:
    node, vip = mixed.lab.node("director"), mixed.way(method).vip
    with node.start((sys.executable, "-c", GREETING), log="greeting"):
        node.wait_port("tcp", "0.0.0.0", 2222)
        assert _call(mixed, vip, 2222) == "host"


@pytest.mark.parametrize("method", METHODS)
def test_a_closed_port_on_the_vip_is_refused_by_the_director(mixed: Stage, method: str) -> None:
    done = mixed.client.run((sys.executable, "-c", CALL, mixed.way(method).vip, "2223"))
    assert done.stderr.splitlines()[-1] == "ConnectionRefusedError: [Errno 111] Connection refused"


def test_only_the_director_answers_arp_for_a_vip(mixed: Stage) -> None:
    router, mac = mixed.lab.node("router"), captures.mac_address(mixed.lab.node("director"), "lan")
    for way in mixed.ways:
        said = router.run(("arping", "-c", "2", "-w", "2", "-I", "lan", "-s", "10.0.0.1", way.vip)).stdout
        answers = {word.strip("[]").lower() for word in said.split() if word.count(":") == 5}
        assert answers == {mac}


def _call(mixed: Stage, address: str, port: int) -> str:
    return mixed.client.output_of((sys.executable, "-c", CALL, address, str(port))).strip()
