# SPDX-License-Identifier: Apache-2.0
"""The two hashes by which kernel IPVS spreads clients: a multiplicative one (sh) and SipHash-1-3 (mh).

They are part of the outside behaviour, since a client must meet the same server after a move between the
kernel and us. Nothing here knows of schedulers, weights or tables.
"""

from __future__ import annotations

from netaddr import IPAddress

_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF
_GOLDEN_RATIO_32 = 0x61C88647


def fold(address: IPAddress) -> int:
    """Fold an address to 32 bits: an IPv4 address is itself, an IPv6 address the XOR of its four words."""
    value = int(address)
    if address.version == 4:
        return value
    return (value >> 96 ^ value >> 64 ^ value >> 32 ^ value) & _MASK32


def hash_32(value: int, bits: int) -> int:
    """Hash 32 bits to the given number of bits, by multiplication; the value wraps at 32 bits."""
    return (value * _GOLDEN_RATIO_32 & _MASK32) >> (32 - bits)


def hsiphash_32(value: int, key: int) -> int:
    """Hash a 32-bit word as the 64-bit kernel's `hsiphash` does, with both halves of the key the same.

    This is SipHash-1-3 of the word's four bytes, cut to its low 32 bits. One round for the message, three to
    finish.
    """
    v0 = 0x736F6D6570736575 ^ key
    v1 = 0x646F72616E646F6D ^ key
    v2 = 0x6C7967656E657261 ^ key
    v3 = 0x7465646279746573 ^ key
    message = 4 << 56 | value & _MASK32
    v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ message)
    v0, v2 = v0 ^ message, v2 ^ 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return (v0 ^ v1 ^ v2 ^ v3) & _MASK32


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = v0 + v1 & _MASK64
    v1 = (v1 << 13 | v1 >> 51) & _MASK64 ^ v0
    v0 = (v0 << 32 | v0 >> 32) & _MASK64
    v2 = v2 + v3 & _MASK64
    v3 = (v3 << 16 | v3 >> 48) & _MASK64 ^ v2
    v0 = v0 + v3 & _MASK64
    v3 = (v3 << 21 | v3 >> 43) & _MASK64 ^ v0
    v2 = v2 + v1 & _MASK64
    v1 = (v1 << 17 | v1 >> 47) & _MASK64 ^ v2
    v2 = (v2 << 32 | v2 >> 32) & _MASK64
    return v0, v1, v2, v3
