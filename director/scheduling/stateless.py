# SPDX-License-Identifier: Apache-2.0
"""The choice without a memory: by a client's address and port, where connections are crowded out.

A Maglev table as mh's, for the schedulers that do not hash: smaller, since it serves for the length of a
flood, and with hashes that are quick to compute in Python, since every service has one. Each destination
walks the table on its own path and takes the next free slot in turn, until it has its share by weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netaddr import IPAddress

from director.scheduling.hashing import fold, hsiphash_32

SIZES = (61, 251, 509, 1021, 4093)
"""Primes, so that every step leads through the whole table."""
SLOTS_EACH = 5
"""At least so many slots a destination, on average."""
_KEY = 2654435761
_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Member:
    """What decides over a destination's slots. The port is the one it is reached at."""

    address: IPAddress
    port: int
    weight: int


def size(members: int) -> int:
    """Return how many slots a table for so many destinations has; 0 where there is nothing to choose."""
    if members == 0:
        return 0
    return next((prime for prime in SIZES if prime >= SLOTS_EACH * members), SIZES[-1])


def slot(address: IPAddress, port: int, slots: int) -> int:
    """Return a client's slot in a table of so many."""
    return hsiphash_32(port + fold(address), _KEY) % slots


def populate(members: Sequence[Member]) -> tuple[int | None, ...]:
    """Give each slot the index of a destination; those of weight 0 get none."""
    slots = size(len(members))
    shares = _shares([member.weight for member in members], slots)
    table: list[int | None] = [None] * slots
    paths = [_path(member, slots) for member in members]
    position = [start for start, _ in paths]
    waiting = [index for index, share in enumerate(shares) if share]
    while waiting:
        for index in waiting:
            at, skip = position[index], paths[index][1]
            while table[at] is not None:
                at = (at + skip) % slots
            table[at], position[index] = index, at
            shares[index] -= 1
        waiting = [index for index in waiting if shares[index]]
    return tuple(table)


def _shares(weights: Sequence[int], slots: int) -> list[int]:
    """Divide the slots by weight; the parts lost in rounding go to the first ones of them in turn."""
    total, passed, shares = sum(weights), 0, []
    for weight in weights:
        before, passed = passed, passed + weight
        shares.append(slots * passed // total - slots * before // total if total else 0)
    return shares


def _path(member: Member, slots: int) -> tuple[int, int]:
    """Return where a destination begins in the table, and by what it steps on."""
    value = ((fold(member.address) << 16 | member.port) * _MULTIPLIER) & _MASK
    value = ((value ^ value >> 32) * _MULTIPLIER) & _MASK
    return (value >> 32) % slots, (value & 0xFFFFFFFF) % (slots - 1) + 1
