# SPDX-License-Identifier: Apache-2.0
"""Every NAT server is found within the probes, and packed as the data path reads it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.tables.layout import LINE, SERVER, SERVER_PROBES
from director.tables.servers import Server, server_lines
from director.tables.slots import source_hash

ADDRESSES = st.integers(1, 2**32 - 1).map(lambda n: IPAddress(n, 4)) | st.integers(2**64, 2**128 - 1).map(
    IPAddress
)
ENDS = st.tuples(ADDRESSES, st.integers(1, 65535), st.sampled_from((0, 6, 17, 132)))
ONE = Server(7, IPAddress("10.0.0.11"), 8080, 6)


def numbered(ends: Sequence[tuple[IPAddress, int, int]]) -> list[Server]:
    return [Server(number, *end) for number, end in enumerate(ends, start=1)]


def found(table: bytes, seed: int, server: Server) -> list[int]:
    """The ids in the slots that the data path looks at for this server's packets, up to an empty one."""
    slots = list(SERVER.iter_unpack(table))
    home = source_hash(seed, server.address, server.port)
    ids = [slots[(home + probe) % len(slots)][0] for probe in range(min(SERVER_PROBES, len(slots)))]
    return ids[: ids.index(0)] if 0 in ids else ids


@given(st.lists(ENDS, unique=True, max_size=60), st.integers(1, 4))
def test_every_server_is_met_within_the_probes(ends: list[tuple[IPAddress, int, int]], seed: int) -> None:
    table = server_lines(numbered(ends), seed)
    assert len(table) % LINE == 0
    assert all(server.id in found(table, seed, server) for server in numbered(ends))


def test_thousands_of_neighbouring_servers_find_a_size() -> None:
    servers = numbered([(IPAddress(0x0A000000 + number), 80, 6) for number in range(20_000)])
    table = server_lines(servers, 1)
    assert all(server.id in found(table, 1, server) for server in servers[::97])


def test_a_slot_is_id_port_and_protocol() -> None:
    slots = [table for table in SERVER.iter_unpack(server_lines([ONE], 1)) if table[0]]
    assert slots == [(7, b"\x1f\x90", 6)]


def test_of_equal_servers_the_first_stands_there_and_one_without_a_port_does_not() -> None:
    same, portless = Server(8, ONE.address, 8080, 6), Server(9, ONE.address, 0, 6)
    assert server_lines([ONE, same, portless], 1) == server_lines([ONE], 1)


def test_a_server_of_two_protocols_stands_there_for_each() -> None:
    other = Server(8, ONE.address, 8080, 17)
    table = server_lines([ONE, other], 1)
    assert found(table, 1, ONE) == found(table, 1, other) == [7, 8]
