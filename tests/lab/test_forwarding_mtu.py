# SPDX-License-Identifier: Apache-2.0
"""Paths narrower than the packets: the client hears of the tunnel's MTU, and servers of the path's.

No topology may help here: the servers' MSS is put back to what fits a wire, as on a server set up by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from scapy.layers.inet import ICMP, TCP

from tests.lab import captures
from tests.lab.digest_server import content, digest
from tests.lab.forwarding import DATAPATHS, DIGEST_PORT, NEEDS, Stage, Venue, venue

pytestmark = [pytest.mark.lab, NEEDS]

SIZE = 1_000_000
WIRE, TUNNEL, NARROW = 1500, 1480, 1300


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        (it.lab.node("client").run_directory / "body").write_bytes(content(SIZE))
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def mixed(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


def test_a_server_of_a_tunnel_offers_a_segment_that_fits_it(mixed: Stage) -> None:
    with captures.at(mixed.client, f"tcp port {DIGEST_PORT} or icmp") as seen:
        assert upload(mixed, "tun") == digest(SIZE)
    packets = seen.packets()
    assert offered_segments(packets) == {TUNNEL - 40}
    assert [str(packet) for packet in packets if packet.is_icmp] == []


@pytest.mark.parametrize("offloads", ["on", "off"])
def test_an_upload_too_large_for_the_tunnel_is_told_the_mtu_and_completes(
    mixed: Stage, offloads: str
) -> None:
    """A super-frame is cut to fit the tunnel: with offloads on, there may be nothing to be told about."""
    vip = mixed.way("tun").vip
    forget_what_was_learnt(mixed)
    for feature in ("tx", "tso", "gso"):
        mixed.client.output_of(("ethtool", "-K", "wan", feature, offloads))
    with large_segments(mixed), captures.at(mixed.client, f"tcp port {DIGEST_PORT} or icmp") as seen:
        assert upload(mixed, "tun") == digest(SIZE)
    packets = seen.packets()
    errors = [packet for packet in packets if packet.is_icmp]
    assert offered_segments(packets) == {WIRE - 40}
    told = {(one.source, one.ip[ICMP].type, one.ip[ICMP].code, one.ip[ICMP].nexthopmtu) for one in errors}
    assert told == {(vip, 3, 4, TUNNEL)} or (offloads == "on" and not told), (
        "the client was told wrong things"
    )
    assert [str(packet) for packet in errors if not captures.is_sound(packet)] == []


@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_a_server_hears_that_the_way_to_the_client_is_narrow(mixed: Stage, method: str) -> None:
    """The router's error goes to the VIP, hence to the director, which must hand it to the right server."""
    forget_what_was_learnt(mixed)
    with large_segments(mixed), narrow_way(mixed), captures.on_each(mixed.servers, "icmp or proto 4") as seen:
        got = download(mixed, method)
    assert got == f"{digest(SIZE)}  -"
    told = [[packet for packet in one.packets() if packet.is_icmp and packet.to_host] for one in seen]
    [errors] = [errors for errors in told if errors]  # of one server: that of the connection
    assert {packet.ip[ICMP].nexthopmtu for packet in errors} == {NARROW}
    assert {packet.destination for packet in errors} <= expected_destinations(mixed, method)


def expected_destinations(mixed: Stage, method: str) -> set[str]:
    """Say whom an error about a reply is sent to, as a server gets it: its own address with NAT."""
    way = mixed.way(method)
    return {way.server(node.name) for node in mixed.servers} if method == "nat" else {way.vip}


@contextmanager
def narrow_way(mixed: Stage) -> Iterator[None]:
    """Make the router's way to the client narrower than the client knows."""
    router = mixed.lab.node("router")
    router.output_of(("ip", "link", "set", "wan", "mtu", str(NARROW)))
    try:
        yield
    finally:
        router.output_of(("ip", "link", "set", "wan", "mtu", str(WIRE)))


@contextmanager
def large_segments(mixed: Stage) -> Iterator[None]:
    """Have the servers offer segments that fit the wire, as if nobody had thought of the tunnel."""
    ways = (("via", "10.2.0.1", "dev", "far", "table", "102"), ("via", "10.3.0.1", "dev", "inside"))
    for node in mixed.servers:
        for way in ways:
            node.output_of(("ip", "route", "change", "default", *way))
    try:
        yield
    finally:
        for node in mixed.servers:
            for way in ways:
                node.output_of(("ip", "route", "change", "default", *way, "advmss", str(TUNNEL - 40)))


def forget_what_was_learnt(mixed: Stage) -> None:
    """Have all hosts forget the path MTUs that earlier transfers taught them."""
    for node in (mixed.client, *mixed.servers):
        node.output_of(("ip", "route", "flush", "cache"))


def offered_segments(packets: list[captures.Packet]) -> set[int]:
    """Return the MSS in what the servers answer to a SYN."""
    answers = [one.ip[TCP] for one in packets if TCP in one.ip and str(one.ip[TCP].flags) == "SA"]
    return {dict(answer.options)["MSS"] for answer in answers}


def upload(mixed: Stage, method: str) -> str:
    url = f"http://{mixed.way(method).vip}:{DIGEST_PORT}/"
    return mixed.client.output_of(
        ("curl", "-sS", "--max-time", "20", "-H", "Expect:", "-T", "/run/body", url)
    ).strip()


def download(mixed: Stage, method: str) -> str:
    url = f"http://{mixed.way(method).vip}:{DIGEST_PORT}/{SIZE}"
    return mixed.client.output_of(("bash", "-c", f"curl -sS --max-time 20 {url} | sha256sum")).strip()
