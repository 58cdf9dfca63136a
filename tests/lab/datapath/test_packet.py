# SPDX-License-Identifier: Apache-2.0
"""The packet data path on a real interface: rings, workers, the sender, and interfaces that come and go."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Iterator

import pytest
from netaddr import EUI, IPAddress
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from director.commands import GuardKey, GuardSide, SetGuard
from director.datapath.errors import DatapathError
from director.datapath.guard import Guard
from director.datapath.packet import PacketDatapath
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    Settings,
    VirtualService,
)
from director.model.connection import ConnectionQuery, ConnectionState, Endpoint
from director.tables.image import compile_image
from tests.lab.segment import OUR_MAC, PEER_MAC, Segment, eventually
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket", "bpf"), pytest.mark.lab]

VIP, SERVER = IPAddress("192.0.2.1"), IPAddress("10.0.0.2")
KEY = ServiceKey(Protocol.UDP, VIP, 53)
DESTINATION = Destination(SERVER, 53, ForwardingMethod.DR)
FLOWS = 200
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23


@functools.cache
def tap() -> int:
    """Load the filter that the workers' sockets have, once: a ring must not see what it sent itself."""
    guard = Guard.load()
    guard.set(SetGuard(frozenset({GuardKey(GuardSide.TO, Protocol.UDP, VIP, KEY.port)})))
    return guard.tap_descriptor


@contextlib.contextmanager
def forwarding(joined: Segment, workers: int) -> Iterator[PacketDatapath]:
    """A data path that sends what comes for the VIP back to the peer."""
    hop = NextHop(joined.inside, EUI(OUR_MAC), EUI(PEER_MAC), IPAddress("10.0.0.1"), 1500)
    link = Link(joined.inside, joined.name, EUI(OUR_MAC), 1500, up=True)
    service = VirtualService(KEY, Scheduler.RR, destinations=(DESTINATION,))
    settings = Settings(workers=workers, connections=4096)
    datapath = PacketDatapath(settings, lambda number: (KEY, DESTINATION) if number == 1 else None)
    try:
        datapath.swap(compile_image(Configuration((service,)), {SERVER: hop}, links=(link,)))
        datapath.start()
        datapath.add_interface(joined.inside, tap())
        yield datapath
    finally:
        datapath.stop()


def datagram(number: int) -> bytes:
    frame = Ether(src=PEER_MAC, dst=OUR_MAC) / IP(src="198.51.100.7", dst=str(VIP), ttl=9, flags="DF")
    return bytes(frame / UDP(sport=1024 + number, dport=53) / b"question")


def counted(datapath: PacketDatapath) -> dict[str, int]:
    return {one.reason: one.count for one in datapath.reasons() if one.count and one.reason != "not_ip"}


def received(peer: socket.socket, count: int) -> list[bytes]:
    """Take frames for the VIP that reach the peer, until there are so many or none comes."""
    frames: list[bytes] = []
    with contextlib.suppress(TimeoutError):
        while len(frames) < count:
            frame = peer.recv(2048)
            if frame[12:14] == b"\x08\x00" and frame[30:34] == VIP.packed:
                frames.append(frame)
    return frames


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_frame_is_forwarded_once_however_many_workers_there_are(joined: Segment, workers: int) -> None:
    peer = joined.peer_socket()
    peer.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    with forwarding(joined, workers) as datapath:
        for number in range(FLOWS):
            peer.send(datagram(number))
        eventually(lambda: sum(counted(datapath).values()) >= FLOWS)
        got = received(peer, FLOWS)
        peer.settimeout(0.2)
        assert received(peer, 1) == []
        assert counted(datapath) == {"new": FLOWS}
        assert datapath.ring_drops() == 0
    assert sorted(Ether(frame)[UDP].sport for frame in got) == [1024 + number for number in range(FLOWS)]
    peer.close()


def test_connections_are_listed_with_their_numbers(joined: Segment) -> None:
    with forwarding(joined, 1) as datapath, contextlib.closing(joined.peer_socket()) as peer:
        for _ in range(3):
            peer.send(datagram(7))
        eventually(lambda: counted(datapath) == {"new": 1, "hit": 2})
        page = datapath.connections(ConnectionQuery(service=KEY))
        (entry,) = page.entries
        assert (page.total, page.next_cursor) == (1, None)
        assert entry.client == Endpoint(IPAddress("198.51.100.7"), 1031)
        assert entry.virtual == Endpoint(VIP, 53)
        assert entry.destination == Endpoint(SERVER, 53)
        assert (entry.state, entry.packets) == (ConnectionState.UDP, 3)
        assert 295 < entry.expires_in <= 300
        elsewhere = ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.3"), 0))
        assert datapath.connections(elsewhere).total == 0
        assert datapath.connections(ConnectionQuery(destination=Endpoint(SERVER, 0))).total == 1
        assert datapath.census() == {1}


def test_pages_of_connections_join_to_the_whole(joined: Segment) -> None:
    with forwarding(joined, 1) as datapath, contextlib.closing(joined.peer_socket()) as peer:
        for number in range(100):
            peer.send(datagram(number))
        eventually(lambda: counted(datapath) == {"new": 100})
        ports: list[int] = []
        cursor: int | None = 0
        while cursor is not None:
            page = datapath.connections(ConnectionQuery(limit=7, cursor=cursor))
            ports += [entry.client.port for entry in page.entries]
            cursor = page.next_cursor
        assert sorted(ports) == [1024 + number for number in range(100)]


def test_an_interface_can_be_left_and_taken_again(joined: Segment) -> None:
    with forwarding(joined, 2) as datapath, contextlib.closing(joined.peer_socket()) as peer:
        datapath.remove_interface(joined.inside)
        datapath.remove_interface(joined.inside)
        peer.send(datagram(1))
        datapath.add_interface(joined.inside, tap())
        peer.send(datagram(2))
        eventually(lambda: counted(datapath) == {"new": 1})
        (entry,) = datapath.connections(ConnectionQuery()).entries
        assert entry.client.port == 1026


def test_an_interface_that_is_not_there_is_refused_in_words(joined: Segment) -> None:
    with forwarding(joined, 1) as datapath, pytest.raises(DatapathError) as raised:
        datapath.add_interface(9999, tap())
    assert str(raised.value) == f"no ring on interface 9999: {os.strerror(19)}"


def test_an_image_that_is_none_is_refused_and_the_old_one_stays(joined: Segment) -> None:
    with forwarding(joined, 1) as datapath, contextlib.closing(joined.peer_socket()) as peer:
        for wrong in (b"", b"x" * 64, bytes(128), b"x" * 100):
            with pytest.raises(DatapathError):
                datapath.swap(wrong)
        peer.send(datagram(1))
        eventually(lambda: counted(datapath) == {"new": 1})


def test_more_workers_than_there_can_be_are_refused() -> None:
    with pytest.raises(DatapathError):
        PacketDatapath(Settings(workers=17, connections=4096), lambda _: None)
