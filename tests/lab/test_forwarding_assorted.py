# SPDX-License-Identifier: Apache-2.0
"""With `xdp` on one interface and `tc` on the other, connections go from one to the other and back, by one
table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab import Wires
from tests.lab import captures
from tests.lab.captures import Identity
from tests.lab.digest_server import content, digest
from tests.lab.forwarding import NEEDS, Stage, Venue, eventually, venue
from tests.lab.test_forwarding_bulk import METHODS, download, upload

pytestmark = [pytest.mark.lab, NEEDS]

DIRECTOR = Path(__file__).parent / "assorted_director.py"
SIZE = 3_000_000
LEGS = ("lan", "inside")  # clients are beyond the first, and servers of NAT beyond the second


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        (it.lab.node("client").run_directory / str(SIZE)).write_bytes(content(SIZE))
        yield it


@pytest.fixture(scope="module", params=LEGS)
def card(request: pytest.FixtureRequest) -> str:
    """Name the leg that has `xdp`."""
    return str(request.param)


@pytest.fixture(scope="module")
def assorted(place: Venue, card: str) -> Iterator[Stage]:
    with place.directed(sys.executable, str(DIRECTOR), "/run/test.toml", card, wires=Wires.PLAIN) as it:
        yield it


def test_each_interface_has_its_own(assorted: Stage, card: str) -> None:
    xdp = ("xdp", "card takes the program")
    tc = ("tc", "veth: frames come large, and checksums not filled in")
    assert assorted.carriage() == {leg: xdp if leg == card else tc for leg in LEGS}


@pytest.mark.parametrize("method", METHODS)
def test_each_server_has_its_share(assorted: Stage, method: str) -> None:
    vip, wanted = assorted.way(method).vip, {"rs1": 30, "rs2": 20, "rs3": 10}
    assert (assorted.curl(vip, 60), assorted.dig(vip, 60)) == (wanted, wanted)


@pytest.mark.parametrize("method", METHODS)
def test_big_bodies_arrive_whole_both_ways(assorted: Stage, method: str) -> None:
    assert upload(assorted, method, SIZE) == digest(SIZE)
    assert download(assorted, method, SIZE) == digest(SIZE)


def test_each_packet_that_is_translated_arrives_once_and_is_counted_once(assorted: Stage) -> None:
    """Request and reply come by different programs, and both find the same entry."""
    size, ports = captures.Frames.OF_WIRE_SIZE, "tcp port 80"
    before = counted(assorted)
    with (
        captures.at(assorted.client, ports, size) as client,
        captures.on_each(assorted.servers, ports, size) as servers,
    ):
        assert assorted.curl(assorted.way("nat").vip, 12) == {"rs1": 6, "rs2": 4, "rs3": 2}
        eventually(lambda: (told := differences(client, servers)) and not any(told), lambda: "packets differ")
    seen = [packet for one in servers for packet in one.packets()]
    assert [str(packet) for packet in seen if not captures.is_sound_or_partial(packet)] == []
    assert counted(assorted) - before == Counter(
        connections=12,
        packets_in=sum(packet.from_host for packet in client.packets()),
        packets_out=sum(packet.to_host for packet in client.packets()),
    )


def differences(client: captures.Seen, servers: Sequence[captures.Seen]) -> tuple[Counter[Identity], ...]:
    """Return the packets that were sent and did not arrive, and those that arrived and were not sent; nothing
    while no connection has ended.
    """
    here, there = client.packets(), [packet for one in servers for packet in one.packets()]
    sent = Counter(packet.identity for packet in (*here, *there) if packet.from_host)
    arrived = Counter(packet.identity for packet in (*here, *there) if packet.to_host)
    return (sent - arrived, arrived - sent) if here and there else ()


def counted(it: Stage) -> Counter[str]:
    """Return what the director counts for NAT's web service."""
    [one] = json.loads(it.director("stats", "--service", f"tcp:{it.way('nat').vip}:80", "--json"))["services"]
    return Counter({name: one["counters"][name] for name in ("connections", "packets_in", "packets_out")})
