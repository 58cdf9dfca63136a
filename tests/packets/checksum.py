# SPDX-License-Identifier: Apache-2.0
"""The Internet checksum (RFC 1071) and what senders with offloads leave of it, over plain bytes.

The packet tests' own arithmetic: it shares nothing with the data path, so that the two can be held against
each other.
"""

from __future__ import annotations

import struct

ETHERNET = 14
ZERO_MEANS_NONE = 17  # UDP: a checksum of zero says that there is none


def ones_sum(data: bytes, start: int = 0) -> int:
    """Add up 16-bit words with end-around carry."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = start + sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def adjusted(checksum: int, old: bytes, new: bytes) -> int:
    """Bring a checksum up to date after `old` became `new` (RFC 1624, equation 3)."""
    inverse = bytes(255 - byte for byte in old)
    return ones_sum(inverse + new, start=checksum ^ 0xFFFF) ^ 0xFFFF


def pseudo_sum(header: bytes) -> int:
    """Sum the pseudo-header of the packet that starts with this IPv4 header."""
    length = struct.unpack_from("!H", header, 2)[0] - (header[0] & 15) * 4
    return ones_sum(header[12:20] + struct.pack("!HH", header[9], length))


def layer4(frame: bytes) -> tuple[int, int]:
    """Say where the L4 header of a frame starts and where within it the checksum stands."""
    return ETHERNET + (frame[ETHERNET] & 15) * 4, 16 if frame[ETHERNET + 9] == 6 else 6


def partial(frame: bytes) -> bytes:
    """Replace the L4 checksum by the pseudo-header's sum."""
    start, offset = layer4(frame)
    return put(frame, start + offset, pseudo_sum(frame[ETHERNET:]))


def finished(frame: bytes, start: int, offset: int) -> bytes:
    """Do what a network card does with a partial checksum: sum from `start` to the end and store it."""
    if start == 0:
        return frame
    value = ones_sum(frame[start:]) ^ 0xFFFF
    return put(frame, start + offset, value or 0xFFFF)


def put(frame: bytes, at: int, value: int) -> bytes:
    return frame[:at] + struct.pack("!H", value) + frame[at + 2 :]


def with_header_checksum(frame: bytes, at: int = ETHERNET) -> bytes:
    """Compute the checksum of the IPv4 header that starts at `at` anew."""
    length = (frame[at] & 15) * 4
    blank = put(frame, at + 10, 0)
    return put(blank, at + 10, ones_sum(blank[at : at + length]) ^ 0xFFFF)


def crc32c(data: bytes) -> int:
    """SCTP's checksum (RFC 9260 appendix A), bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def with_crc(packet: bytes) -> bytes:
    """Put the checksum into an SCTP packet."""
    return packet[:8] + struct.pack("<I", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]
