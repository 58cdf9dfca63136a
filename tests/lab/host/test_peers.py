# SPDX-License-Identifier: Apache-2.0
"""The other end of a veth pair is found in the namespace where it is, and looked at there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from director.host import peers
from director.model.card import Offload, Peer
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "ethtool", "ip"), pytest.mark.lab]


def found(index: int) -> Peer | None:
    with IPRoute() as kernel:
        (message, *_) = kernel.get_links(index)
        return peers.peer_of(kernel, message)


def test_a_peer_in_a_named_namespace_is_looked_at(joined: Segment) -> None:
    with joined.peer():
        subprocess.run(["ethtool", "-K", "eth0", "tx", "off", "gro", "on", "tso", "off"], check=True)
    entering = f"ip netns exec {joined.peer_namespace} "
    assert found(joined.inside) == Peer("eth0", entering, frozenset({Offload.GRO, Offload.VLAN}), 1500)


def test_a_peer_in_the_same_namespace_needs_no_entering(joined: Segment) -> None:
    subprocess.run(["ip", "link", "add", "one", "index", "90", "type", "veth", "peer", "two"], check=True)
    peer = found(90)
    assert peer is not None
    assert (peer.name, peer.entering, Offload.CHECKSUM in peer.offloads) == ("two", "", True)


@pytest.fixture
def container(joined: Segment) -> Iterator[int]:
    """A process in a namespace without a name, to which a pair leads from index 90."""
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as process:
        own, deadline = Path("/proc/thread-self/ns/net").stat().st_ino, time.monotonic() + 5
        while Path(f"/proc/{process.pid}/ns/net").stat().st_ino == own:
            assert time.monotonic() < deadline, "unshare did not make a namespace"
            time.sleep(0.01)
        pair = f"ip link add one index 90 type veth peer name far0 netns {process.pid}"
        subprocess.run(pair.split(), check=True)
        yield process.pid
        process.kill()


def test_a_peer_in_the_namespace_of_a_process_is_looked_at(container: int) -> None:
    peer = found(90)
    assert peer is not None
    assert (peer.name, peer.entering) == ("far0", f"nsenter --net=/proc/{container}/ns/net ")


def test_a_peer_that_can_not_be_found_stays_unknown(
    container: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "PROCESSES", tmp_path)
    assert found(90) == Peer(None)


def test_what_is_no_end_of_a_pair_has_no_peer(joined: Segment) -> None:
    subprocess.run(["ip", "link", "add", "mv0", "index", "91", "link", "eth0", "type", "macvlan"], check=True)
    assert (found(91), found(1)) == (None, None)
