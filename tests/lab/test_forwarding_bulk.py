# SPDX-License-Identifier: Apache-2.0
"""Big bodies arrive whole by every method, with offloads on (super-frames, partial checksums) and off.

With offloads on, checksums on virtual links are not filled in: what is captured is right or partial. With
them off every checksum of every frame must be right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from lab import RunningNode
from tests.lab import captures, limits
from tests.lab.digest_server import content, digest
from tests.lab.forwarding import DATAPATHS, DIGEST_PORT, NEEDS, Stage, Venue, venue
from tests.needs import needs

pytestmark = [
    pytest.mark.lab,
    NEEDS,
    needs("ethtool"),
]

METHODS = ("dr", "tun", "nat")
SIZES = (100_000, 3_000_000)
HUGE = 50_000_000
FULL_FRAME = 1514
OFFLOADS = ("tx", "tso", "gso", "gro")
TRANSFER = f"(tcp port {DIGEST_PORT} or proto 4)"


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        for size in (*SIZES, HUGE):
            (it.lab.node("client").run_directory / str(size)).write_bytes(content(size))
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def mixed(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


@pytest.fixture(scope="module", params=["on", "off"])
def offloads(request: pytest.FixtureRequest, mixed: Stage) -> str:
    """Set the offloads of all hosts; the router is none, and keeps its own."""
    for node in (mixed.client, mixed.lab.node("director"), *mixed.servers):
        for leg in node.noun.interfaces:
            switched = (word for offload in OFFLOADS for word in (offload, request.param))
            node.output_of(("ethtool", "-K", leg.name, *switched))
    return str(request.param)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_uploaded_arrives_whole(mixed: Stage, offloads: str, method: str, size: int) -> None:
    assert [upload(mixed, method, size) for _ in mixed.servers] == [digest(size)] * 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_downloaded_arrives_whole(mixed: Stage, offloads: str, method: str, size: int) -> None:
    assert [download(mixed, method, size) for _ in mixed.servers] == [digest(size)] * 3


@pytest.mark.parametrize("method", METHODS)
def test_fifty_megabytes_pass_both_ways(mixed: Stage, offloads: str, method: str) -> None:
    assert upload(mixed, method, HUGE) == digest(HUGE)
    assert download(mixed, method, HUGE) == digest(HUGE)


@pytest.mark.parametrize("method", METHODS)
def test_every_checksum_on_every_wire_is_right(mixed: Stage, offloads: str, method: str) -> None:
    nodes = (mixed.client, *mixed.servers)
    with (
        captures.on_each(nodes, TRANSFER, frames(offloads)) as seen,
        captures.before(mixed.lab, "director", TRANSFER, wire_frames(mixed, offloads)) as wire,
    ):
        assert upload(mixed, method, SIZES[0]) == digest(SIZES[0])
        assert download(mixed, method, SIZES[0]) == digest(SIZES[0])
    packets = list(itertools.chain.from_iterable(one.packets() for one in (*seen, wire)))
    sound = captures.is_sound if offloads == "off" else captures.is_sound_or_partial
    assert len(packets) > len(nodes) * 10, "hardly anything was captured"
    assert [str(packet) for packet in packets if not sound(packet)] == []


@pytest.mark.parametrize("method", ["dr", "nat"])
def test_super_frames_pass_the_director_whole_where_offloads_are_on(
    mixed: Stage, offloads: str, method: str
) -> None:
    with captures.before(mixed.lab, "director", TRANSFER, wire_frames(mixed, offloads)) as seen:
        assert upload(mixed, method, SIZES[1]) == digest(SIZES[1])
    sent = [len(packet.frame) for packet in seen.packets() if packet.from_host]
    assert (max(sent) > FULL_FRAME) is (offloads == "on" and takes_super_frames(mixed))


def test_no_tunnelled_frame_is_larger_than_the_wire(mixed: Stage, offloads: str) -> None:
    """Where segments of a super-frame are wrapped one by one; `tc` leaves it whole until it is on a wire."""
    with captures.before(mixed.lab, "director", "proto 4", wire_frames(mixed, offloads)) as seen:
        assert upload(mixed, "tun", SIZES[1]) == digest(SIZES[1])
    wrapped = [packet for packet in seen.packets() if packet.from_host]
    whole = offloads == "on" and mixed.carried_by() == {"tc"}
    assert (max(len(packet.frame) for packet in wrapped) > FULL_FRAME) is whole
    assert sum(len(packet.frame) for packet in wrapped) > SIZES[1]


def takes_super_frames(mixed: Stage) -> bool:
    [datapath] = mixed.carried_by()
    return limits.takes(datapath, limits.Given.SUPER_FRAMES)


def frames(offloads: str) -> captures.Frames:
    """Say how large the frames are that may have to be captured at a host."""
    return captures.Frames.OF_WIRE_SIZE if offloads == "off" else captures.Frames.ANY


def wire_frames(mixed: Stage, offloads: str) -> captures.Frames:
    """Say how large they are on the director's wires."""
    return frames(offloads) if takes_super_frames(mixed) else captures.Frames.OF_WIRE_SIZE


def upload(at_work: Stage, method: str, size: int) -> str:
    """Upload known bytes and return the digest of what the server had."""
    url = f"http://{at_work.way(method).vip}:{DIGEST_PORT}/"
    return _output(at_work.client, f"curl -sS --max-time 25 -H Expect: -T /run/{size} {url}")


def download(at_work: Stage, method: str, size: int) -> str:
    """Download known bytes and return the digest of what came."""
    url = f"http://{at_work.way(method).vip}:{DIGEST_PORT}/{size}"
    return _output(at_work.client, f"curl -sS --max-time 25 {url} | sha256sum").removesuffix("  -")


def _output(node: RunningNode, script: str) -> str:
    return node.output_of(("bash", "-c", script)).strip()
