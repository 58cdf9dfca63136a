# SPDX-License-Identifier: Apache-2.0
"""What limits.py says a data path can not take is attempted: so it is, and what becomes of it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from scapy.layers.inet import IP

from tests.lab import captures
from tests.lab.digest_server import content
from tests.lab.forwarding import DATAPATHS, DIGEST_PORT, NEEDS, Stage, Venue, eventually, venue
from tests.lab.limits import LIMITS, Given
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ethtool")]

SIZE = 100_000
FULL_FRAME = 1514
DATAGRAM = 1472  # with its headers as large as a wire's packet, and too large for a tunnel
SEND = f"""
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never set DF
client.sendto(bytes({DATAGRAM}), (sys.argv[1], 53))
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("mixed") as it:
        (it.lab.node("client").run_directory / "body").write_bytes(content(SIZE))
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def mixed(place: Venue, request: pytest.FixtureRequest) -> Iterator[tuple[Stage, str]]:
    with place.carried_by(request.param) as it:
        yield it, request.param


@pytest.mark.parametrize("given", Given, ids=lambda given: given.name.lower())
def test_a_data_path_takes_what_no_limit_is_told_for(mixed: tuple[Stage, str], given: Given) -> None:
    it, datapath = mixed
    assert ATTEMPTS[given](it) is ((datapath, given) not in LIMITS)


def attempt_unfilled(it: Stage) -> bool:
    """Upload from a client that leaves its checksums out, by a wire whose far end does too."""
    with far_ends(it, "tx", "on"):
        url = f"http://{it.way('dr').vip}:{DIGEST_PORT}/"
        return it.client.run(("curl", "-sS", "-m", "2", "-T", "/run/body", url)).returncode == 0


def attempt_super_frames(it: Stage) -> bool:
    """Upload, and look whether the director sends a frame on that is larger than the wire."""
    with captures.before(it.lab, "director", f"tcp port {DIGEST_PORT}") as seen:
        url = f"http://{it.way('dr').vip}:{DIGEST_PORT}/"
        it.client.output_of(("curl", "-sS", "-m", "20", "-H", "Expect:", "-T", "/run/body", url))
    return max(len(packet.frame) for packet in seen.packets() if packet.from_host) > FULL_FRAME


def attempt_to_be_fragmented(it: Stage) -> bool:
    """Send a datagram into the tunnel that does not fit it, and may be cut."""
    before = it.reasons().get("no_fragments", 0)
    with captures.on_each(it.servers, "proto 4", captures.Frames.OF_WIRE_SIZE) as seen:
        it.client.output_of(("python3", "-c", SEND, it.way("tun").vip))
        eventually(
            lambda: fragments(seen) == 2 or it.reasons().get("no_fragments", 0) > before,
            lambda: f"neither sent nor counted: {it.reasons()}",
        )
    assert it.reasons().get("no_fragments", 0) - before + fragments(seen) // 2 == 1
    return fragments(seen) == 2


def fragments(seen: tuple[captures.Seen, ...]) -> int:
    """Count the outer packets for a server that are fragments."""
    packets = [packet for one in seen for packet in one.packets() if packet.to_host]
    return sum(bool(packet.outer.flags.MF or packet.outer.frag) for packet in packets if IP in packet.frame)


ATTEMPTS: dict[Given, Callable[[Stage], bool]] = {
    Given.UNFILLED: attempt_unfilled,
    Given.SUPER_FRAMES: attempt_super_frames,
    Given.TO_BE_FRAGMENTED: attempt_to_be_fragmented,
}


@contextmanager
def far_ends(it: Stage, offload: str, state: str) -> Iterator[None]:
    """Switch an offload at the far ends of the director's wires, and then off again where it was off."""
    ends = [it.lab.far_end("director", leg.name) for leg in it.lab.node("director").noun.interfaces]
    was = [f"{offload}-checksumming: on" in owner.output_of(("ethtool", "-k", port)) for owner, port in ends]
    for owner, port in ends:
        owner.output_of(("ethtool", "-K", port, offload, state))
    yield
    for (owner, port), on in zip(ends, was, strict=True):
        owner.output_of(("ethtool", "-K", port, offload, "on" if on else "off"))
