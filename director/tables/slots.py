# SPDX-License-Identifier: Apache-2.0
"""Where each service stands in the image's hash table.

The data path looks at SERVICE_PROBES slots from the home slot on and at no more, so the placement searches
for a seed with which every service is found within them, and doubles the table when some seeds failed. The
result depends on the keys and their order alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netaddr import IPAddress

from director.model import ServiceKey
from director.tables.layout import SERVICE_PROBES

SEEDS_PER_SIZE = 4
_MASK = (1 << 64) - 1
_MULTIPLIER = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Placement:
    """The seed and the table: for each slot the position of its service among the keys, or None."""

    seed: int
    slots: tuple[int | None, ...]

    @property
    def mask(self) -> int:
        return len(self.slots) - 1


def packed(address: IPAddress) -> bytes:
    """Write an address as `struct lb_addr`: network order, an IPv4 address in the first word."""
    return address.packed.ljust(16, b"\0")


def service_hash(seed: int, key: ServiceKey) -> int:
    """Compute `lb_service_hash`; the low bits are the home slot."""
    words, tail = _hash_input(key)
    return _hash(seed, words, tail)


def source_hash(seed: int, address: IPAddress, port: int) -> int:
    """Compute `lb_server_hash`; the low bits are the home slot."""
    return _hash(seed, _words(address), _in_memory(port))


def place(keys: Sequence[ServiceKey]) -> Placement:
    """Find a seed and a size with which every service is met within the probes."""
    inputs = [_hash_input(key) for key in keys]
    size = 8
    while size < 4 * len(keys):
        size *= 2
    while True:
        for seed in range(1, SEEDS_PER_SIZE + 1):
            slots = _try(seed, size, inputs)
            if slots is not None:
                return Placement(seed, tuple(slots))
        size *= 2


def _hash_input(key: ServiceKey) -> tuple[tuple[int, int], int]:
    return (
        _words(key.address),
        key.mark << 24 | key.protocol.number << 16 | _in_memory(key.port),
    )  # no packet asks for a mark's slot


def _words(address: IPAddress) -> tuple[int, int]:
    whole = packed(address)
    return int.from_bytes(whole[:8], "little"), int.from_bytes(whole[8:], "little")


def _in_memory(port: int) -> int:
    return int.from_bytes(port.to_bytes(2, "big"), "little")


def _hash(seed: int, words: tuple[int, int], tail: int) -> int:
    value = seed
    for word in (*words, tail):
        value = ((value ^ word) * _MULTIPLIER) & _MASK
        value ^= value >> 32
    return value & 0xFFFFFFFF


def _try(seed: int, size: int, inputs: Sequence[tuple[tuple[int, int], int]]) -> list[int | None] | None:
    slots: list[int | None] = [None] * size
    for position, (words, tail) in enumerate(inputs):
        home = _hash(seed, words, tail)
        for probe in range(SERVICE_PROBES):
            slot = (home + probe) & (size - 1)
            if slots[slot] is None:
                slots[slot] = position
                break
        else:
            return None
    return slots
