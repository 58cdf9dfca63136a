# SPDX-License-Identifier: Apache-2.0
"""Where NAT's destinations stand in the image, so that a server's own packets are told by their source.

Only nat_icmp_send asks for this table. The data path looks at SERVER_PROBES slots from the home slot on and
at no more, so the table is doubled until each server is found within them. The result depends on the
servers, their order and the seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netaddr import IPAddress

from director.tables.layout import LINE, SERVER, SERVER_PROBES
from director.tables.slots import source_hash

SMALLEST = LINE // SERVER.size  # one line


@dataclass(frozen=True, slots=True)
class Server:
    """What a destination's packets are told by. `protocol` 0: any that is balanced."""

    id: int
    address: IPAddress
    port: int
    protocol: int


def server_lines(servers: Sequence[Server], seed: int) -> bytes:
    """Write the table; of those that are the same to look at, the first."""
    distinct = {(each.address, each.port, each.protocol): each for each in reversed(servers) if each.port}
    kept = tuple(reversed(distinct.values()))
    homes = [source_hash(seed, each.address, each.port) for each in kept]
    size = SMALLEST
    while size < 2 * len(kept):
        size *= 2
    while (slots := _placed(kept, homes, size)) is None:
        size *= 2
    return b"".join(_slot(each) for each in slots)


def _placed(servers: Sequence[Server], homes: Sequence[int], size: int) -> list[Server | None] | None:
    slots: list[Server | None] = [None] * size
    for server, home in zip(servers, homes, strict=True):
        for probe in range(SERVER_PROBES):
            slot = (home + probe) & (size - 1)
            if slots[slot] is None:
                slots[slot] = server
                break
        else:
            return None
    return slots


def _slot(server: Server | None) -> bytes:
    if server is None:
        return bytes(SERVER.size)
    return SERVER.pack(server.id, server.port.to_bytes(2, "big"), server.protocol)
