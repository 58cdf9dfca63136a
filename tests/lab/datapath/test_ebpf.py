# SPDX-License-Identifier: Apache-2.0
"""The eBPF data paths on a real interface: programs that come, go, and are replaced by larger ones."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from netaddr import EUI, IPAddress
from pyroute2 import AsyncIPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from director.datapath.attachment import Attachments, Classifier, ingress_filters
from director.datapath.ebpf import EbpfDatapath
from director.datapath.errors import DatapathError
from director.datapath.pinned import Pinned
from director.model import Configuration, Link, NextHop, Settings, VirtualService
from director.model.configuration import Carriage, DatapathKind
from director.model.connection import ConnectionQuery
from director.tables.image import compile_image
from tests.lab.datapath.test_packet import DESTINATION, KEY, SERVER, VIP, datagram
from tests.lab.segment import OUR_MAC, PEER_MAC, Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "ethtool"), pytest.mark.lab]

NO_FILTER = -1
KINDS = (DatapathKind.TC, DatapathKind.XDP)
LINES = 64
PATIENCE = 5.0


@dataclass
class Wanted:
    """XDP where it can be had, or TC everywhere."""

    kind: DatapathKind

    def carriage(self, index: int) -> Carriage:
        return Carriage(self.kind, "wanted")

    def instead(self, error: DatapathError) -> Carriage:
        return Carriage(DatapathKind.TC, str(error))


@dataclass(frozen=True)
class Carried:
    """A data path on one interface."""

    datapath: EbpfDatapath
    wanted: Wanted
    attachments: Attachments
    kernel: AsyncIPRoute
    joined: Segment

    def counted(self) -> dict[str, int]:
        known = ("new", "hit")
        return {one.reason: one.count for one in self.datapath.reasons() if one.reason in known and one.count}

    async def until_counted(self, wanted: dict[str, int]) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.counted() != wanted:  # noqa: ASYNC110 - the kernel counts, and tells nobody
                await asyncio.sleep(0.01)

    async def filters(self) -> list[str | None]:
        return [one.name for one in await ingress_filters(self.kernel, self.joined.inside) if one.handle]


def image(joined: Segment, services: int = 1) -> bytes:
    """A DNS service by direct routing back to the peer, and others beside it."""
    hop = NextHop(joined.inside, EUI(OUR_MAC), EUI(PEER_MAC), IPAddress("10.0.0.1"), 1500)
    link = Link(joined.inside, joined.name, EUI(OUR_MAC), 1500, up=True)
    more = tuple(
        VirtualService(replace(KEY, port=KEY.port + number), destinations=(DESTINATION,))
        for number in range(services)
    )
    return compile_image(Configuration(more), {SERVER: hop}, links=(link,))


@contextlib.asynccontextmanager
async def carried(joined: Segment, kind: DatapathKind) -> AsyncIterator[Carried]:
    _let_the_peer_poll(joined)
    settings = Settings(connections=4096)
    wanted = Wanted(kind)
    datapath = EbpfDatapath(
        settings, lambda _: (KEY, DESTINATION), wanted, Pinned(f"test{os.getpid()}", "1"), LINES
    )
    try:
        datapath.start()
        async with AsyncIPRoute() as kernel:
            attachments = Attachments(kernel, _certain(datapath.classifier), lambda _: None)
            yield Carried(datapath, wanted, attachments, kernel, joined)
            await attachments.detach_all()
    finally:
        datapath.stop()


def _let_the_peer_poll(joined: Segment) -> None:
    """A frame that XDP sends to a veth gets lost unless its peer polls, which GRO makes it do."""
    with joined.peer():
        subprocess.run(("ethtool", "-K", "eth0", "gro", "on"), check=True, capture_output=True)


def _certain(classifier: Callable[[int], Classifier | None]) -> Callable[[int], Classifier]:
    def classifier_of(index: int) -> Classifier:
        found = classifier(index)
        assert found is not None
        return found

    return classifier_of


async def take(it: Carried) -> None:
    if it.datapath.classifier(it.joined.inside) is not None:
        await it.attachments.attach(it.joined.inside)
    it.datapath.add_interface(it.joined.inside, NO_FILTER)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_forwarded_and_its_connection_is_listed(joined: Segment, kind: DatapathKind) -> None:
    async def scenario() -> None:
        async with carried(joined, kind) as it:
            it.datapath.swap(image(joined))
            await take(it)
            with contextlib.closing(joined.peer_socket()) as peer:
                for _ in range(3):
                    peer.send(datagram(7))
                await it.until_counted({"new": 1, "hit": 2})
                got = list(forwarded(peer.recv(2048) for _ in range(20)))[:1]
            assert [(frame.src, frame.dst, frame[UDP].sport) for frame in got] == [(OUR_MAC, PEER_MAC, 1031)]
            (entry,) = it.datapath.connections(ConnectionQuery(service=KEY)).entries
            assert (entry.client.port, entry.packets) == (1031, 3)

    asyncio.run(scenario())


def forwarded(frames: Iterator[bytes]) -> Iterator[Ether]:
    """Those that the director sent to the VIP, until the first was seen."""
    for raw in frames:
        frame = Ether(raw)
        if frame.src == OUR_MAC and IP in frame and frame[IP].dst == str(VIP):
            yield frame
            return


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_outgrows_its_room_finds_more_and_the_connections_stay(
    joined: Segment, kind: DatapathKind
) -> None:
    async def scenario() -> None:
        async with carried(joined, kind) as it:
            it.datapath.swap(image(joined))
            await take(it)
            with contextlib.closing(joined.peer_socket()) as peer:
                peer.send(datagram(7))
                await it.until_counted({"new": 1})
                large = image(joined, services=300)
                assert len(large) > 2 * LINES * 64
                it.datapath.swap(large)
                await it.attachments.follow()
                peer.send(datagram(7))
                await it.until_counted({"new": 1, "hit": 1})
                it.datapath.swap(image(joined))
                peer.send(datagram(8))
                await it.until_counted({"new": 2, "hit": 1})
            assert await it.filters() == (["director-tc"] if kind is DatapathKind.TC else [])

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_an_interface_that_is_left_is_not_forwarded_on(joined: Segment, kind: DatapathKind) -> None:
    async def scenario() -> None:
        async with carried(joined, kind) as it:
            it.datapath.swap(image(joined))
            await take(it)
            it.datapath.remove_interface(joined.inside)
            await it.attachments.detach(joined.inside)
            with contextlib.closing(joined.peer_socket()) as peer:
                peer.send(datagram(1))
                await take(it)
                peer.send(datagram(2))
                await it.until_counted({"new": 1})
            (entry,) = it.datapath.connections(ConnectionQuery()).entries
            assert entry.client.port == 1026

    asyncio.run(scenario())


def test_both_programs_know_the_same_connections(joined: Segment) -> None:
    async def scenario() -> None:
        async with carried(joined, DatapathKind.TC) as it:
            it.datapath.swap(image(joined))
            with contextlib.closing(joined.peer_socket()) as peer:
                for hits, it.wanted.kind in enumerate((DatapathKind.TC, DatapathKind.XDP, DatapathKind.TC)):
                    await take(it)
                    peer.send(datagram(7))
                    await it.until_counted({"new": 1, "hit": hits} if hits else {"new": 1})
                    it.datapath.remove_interface(joined.inside)
                    await it.attachments.detach(joined.inside)

    asyncio.run(scenario())


def test_tc_takes_over_where_there_is_a_program_already(joined: Segment) -> None:
    async def scenario() -> None:
        async with carried(joined, DatapathKind.XDP) as first, carried(joined, DatapathKind.XDP) as second:
            await take(first)
            await take(second)
            why = "no XDP program on eth0: there is one already"
            assert second.datapath.carriage(joined.inside) == Carriage(DatapathKind.TC, why)
            classifier = second.datapath.classifier(joined.inside)
            assert classifier is not None
            assert classifier.name == "director-tc"

    asyncio.run(scenario())


def test_an_image_that_is_none_is_refused_also_where_it_needs_more_room(joined: Segment) -> None:
    async def scenario() -> None:
        async with carried(joined, DatapathKind.TC) as it:
            for wrong in (bytes(LINES * 64), bytes(3 * LINES * 64)):
                with pytest.raises(DatapathError, match="table image refused") as raised:
                    it.datapath.swap(wrong)
                assert raised.value.errno == errno.EINVAL

    asyncio.run(scenario())
