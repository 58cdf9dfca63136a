# SPDX-License-Identifier: Apache-2.0
"""The connection table under pressure: tiny tables, many flows, expiry and sweeps, on a virtual clock.

What must hold whatever happens: a live connection is found by its next packet, the counts of active and
inactive connections are those of the live ones, and places that died become empty again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest
from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress

from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    Timeouts,
    VirtualService,
)
from director.tables.image import compile_image

VIP, SERVER = IPAddress("192.0.2.1"), IPAddress("10.0.0.11")
MAC = EUI("02-00-00-00-00-01")
IDLE = 4_000  # ms
STEP = 500
ROOM = 4096
SMALL_SETS = (1, 2, 4, 16)
METHODS = (ForwardingMethod.DR, ForwardingMethod.NAT)


def datagram(client: int) -> bytes:
    """Write an empty datagram from this client (its IPv4 address as a number) to the service."""
    addresses = client.to_bytes(4, "big") + VIP.packed
    header = bytes.fromhex("4500001c000000004011") + header_checksum(client) + addresses
    return bytes.fromhex("0200000000010200000000020800") + header + bytes.fromhex("1388003500080000")


def header_checksum(client: int) -> bytes:
    total = (
        0x4500 + 0x001C + 0x4011 + (int(VIP) >> 16) + (int(VIP) & 0xFFFF) + (client >> 16) + (client & 0xFFFF)
    )
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


class Table:
    """A data path with a tiny table, one UDP service and one server."""

    def __init__(self, sets: int, method: ForwardingMethod) -> None:
        self.datapath = lib.lb_datapath_new(sets, 1, 99)
        self.sweeper = lib.lb_sweeper_new(self.datapath)
        self.sets = sets
        self.now = 1_000
        self._answer, self._out = ffi.new("struct lb_test_answer *"), ffi.new("uint8_t[]", ROOM)
        image = image_for(method)
        assert lib.lb_datapath_swap(self.datapath, image, len(image)) == 0

    def send(self, client: int) -> str:
        """Let a client send a datagram; return the reason its frame ended for."""
        self.send_many((client,))
        return ffi.string(lib.lb_reason_name(self._answer.reason)).decode()

    def send_many(self, clients: Iterable[int]) -> None:
        """Let each of these clients send a datagram."""
        frame = bytearray(datagram(0))
        given = ffi.new("struct lb_test_frame *", {"length": len(frame), "ifindex": 3})
        given.data = data = ffi.from_buffer("uint8_t[]", frame)
        for client in clients:
            frame[24:26], frame[26:30] = header_checksum(client), client.to_bytes(4, "big")
            done = lib.lb_datapath_try(self.datapath, 0, given, self.now, self._out, ROOM, self._answer)
            assert done == 0
        del data

    def reason(self, name: str) -> int:
        names = (ffi.string(lib.lb_reason_name(n)).decode() for n in range(lib.LB_REASON_COUNT))
        return list(names).index(name)

    def sweep(self) -> None:
        lib.lb_sweep(self.sweeper, self.sets, self.now)

    def live(self) -> frozenset[int]:
        """Return the clients that have a live connection."""
        query, cursor = ffi.new("struct lb_conn_query *"), ffi.new("uint32_t *")
        copies = ffi.new("struct lb_conn[]", self.sets * lib.LB_WAYS)
        count = lib.lb_conns_select(self.datapath, query, self.now, cursor, copies, len(copies))
        return frozenset(
            int.from_bytes(copies[i].caddr.word[0].to_bytes(4, "little"), "big") for i in range(count)
        )

    def places(self, kind: int) -> int:
        return int(lib.lb_conns_places(self.datapath, kind))

    def counted(self) -> tuple[int, int]:
        state = lib.lb_datapath_dest_state(self.datapath, 1)
        return state.active, state.inactive

    def close(self) -> None:
        lib.lb_sweeper_free(self.sweeper)
        lib.lb_datapath_free(self.datapath)


def image_for(method: ForwardingMethod) -> bytes:
    service = VirtualService(
        ServiceKey(Protocol.UDP, VIP, 53), Scheduler.RR, destinations=(Destination(SERVER, 53, method),)
    )
    links = tuple(Link(index, f"eth{index}", MAC, 1500, up=True) for index in (3, 4))
    hops = {SERVER: NextHop(4, MAC, MAC, IPAddress("10.0.0.1"), 1500)}
    return compile_image(Configuration((service,), Timeouts(udp=IDLE // 1000)), hops, links=links)


@pytest.fixture(params=[(sets, method) for sets in SMALL_SETS for method in METHODS], ids=str)
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    made = Table(*request.param)
    yield made
    made.close()


OPENED = {"NEW", "NEW_STATELESS"}
UNPLACED = {"STATELESS", "TABLE_FULL"}


def walk(table: Table, seed: int, steps: int) -> None:
    """Send, wait and sweep at random; after each step every live connection must still be found."""
    chance = random.Random(seed)
    for _ in range(steps):
        for _ in range(chance.randrange(1, 4)):
            client, known = chance.randrange(1, 80), table.live()
            reason = table.send(client)
            assert reason in ({"HIT"} if client in known else OPENED | UNPLACED)
        table.now += chance.choice((0, STEP, 3 * STEP))
        if chance.random() < 0.7:
            table.sweep()


@pytest.mark.parametrize("seed", range(6))
def test_a_live_connection_is_always_found(table: Table, seed: int) -> None:
    walk(table, seed, steps=150)
    for client in sorted(table.live()):
        assert table.send(client) == "HIT"


def test_the_inactive_count_is_that_of_the_live_connections(table: Table) -> None:
    walk(table, seed=42, steps=100)
    table.sweep()
    assert table.counted() == (0, len(table.live()))


def test_every_place_becomes_empty_again_when_traffic_ends(table: Table) -> None:
    walk(table, seed=7, steps=100)
    for _ in range(4):
        table.now += IDLE + STEP
        table.sweep()
    assert table.places(lib.LB_CONN_EMPTY) == table.sets * lib.LB_WAYS - 1  # place 0 is nobody's
    assert table.counted() == (0, 0)


def test_a_dead_place_is_used_again_before_any_sweep() -> None:
    table = Table(1, ForwardingMethod.DR)
    usable = lib.LB_WAYS - 1  # place 0 is never used
    for round_ in range(3):
        for client in range(usable):
            assert table.send(100 * round_ + client + 1) in OPENED
        table.now += IDLE + STEP
    assert table.counted()[1] <= usable
    table.close()


def test_a_datagrams_connection_that_was_idle_for_longest_gives_way_in_a_full_table() -> None:
    table = Table(1, ForwardingMethod.DR)
    clients = range(1, lib.LB_WAYS)  # place 0 is never used
    for client in (*clients, 1):
        table.now += 1
        table.send(client)
    assert table.send(99) in OPENED
    assert table.live() == {*clients, 99} - {2}
    assert table.counted() == (0, len(clients))
    table.close()


def test_a_flood_of_datagrams_takes_no_busy_connections_place() -> None:
    table = Table(16, ForwardingMethod.NAT)
    table.send(1)
    for first in range(1000, 11_000, 100):
        table.now += 10
        table.send_many(range(first, first + 20))
        assert table.send(1) == "HIT"
    table.close()


def test_a_nat_connection_takes_its_reply_entry_with_it() -> None:
    table = Table(16, ForwardingMethod.NAT)
    for client in range(1, 20):
        table.send(client)
    assert (table.places(lib.LB_CONN_FLOW), table.places(lib.LB_CONN_REPLY)) == (19, 19)
    table.now += IDLE + STEP
    table.sweep()
    assert (table.places(lib.LB_CONN_FLOW), table.places(lib.LB_CONN_REPLY)) == (0, 0)
    table.close()
