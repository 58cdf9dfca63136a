# SPDX-License-Identifier: Apache-2.0
"""GRE and GUE on the wire, for whoever compares frames: what each side may choose, and what must hold.

A GUE tunnel's UDP source port is each side's own; so it is taken out of a frame, with the checksum over it,
if that checksum held. Where a kernel left a checksum to the network card, GRE's is computed, and UDP's is
taken as right.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.packets.checksum import ETHERNET, ones_sum, put

GRE, UDP, FRAGMENT = 47, 17, 44
GUE_PORTS = range(6080, 6090)  # that cases and exchanges use
SOURCE_PORTS = range(32768, 60999)
CHOSEN = 0xC0DE  # stands for any source port


@dataclass(frozen=True, slots=True)
class Outer:
    """Where a tunnel's own header begins and ends in a frame, and what comes ahead of UDP's sum."""

    protocol: int
    at: int
    end: int
    pseudo: bytes
    is_whole: bool


def without_choice(frame: bytes) -> bytes:
    """Return a frame as it would be had the director chosen the source port that stands for all."""
    outer = outer_of(frame)
    if outer is None:
        return frame
    if outer.protocol == GRE:
        return _with_gre_checksum(frame, outer)
    port = int.from_bytes(frame[outer.at : outer.at + 2], "big")
    assert port == CHOSEN or port in SOURCE_PORTS, f"GUE from port {port}"
    checksum = frame[outer.at + 6 : outer.at + 8]
    if checksum != b"\0\0" and outer.is_whole:
        ahead = ones_sum(outer.pseudo)
        is_undone = int.from_bytes(checksum, "big") == ahead
        assert is_undone or ones_sum(frame[outer.at : outer.end], ahead) == 0xFFFF, "GUE's checksum"
    checksum = b"\xff\xff" if checksum != b"\0\0" else checksum
    out = put(frame, outer.at, CHOSEN)
    return out[: outer.at + 6] + checksum + out[outer.at + 8 :]


def outer_of(frame: bytes) -> Outer | None:
    """Find GRE, or UDP to a port of GUE's, behind the IP header of a packet or of its first fragment."""
    packet = frame[ETHERNET:]
    if frame[12:14] == b"\x08\x00":
        header, length, protocol = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big"), packet[9]
        addresses, pieces = packet[12:20], int.from_bytes(packet[6:8], "big") & 0x3FFF
    elif frame[12:14] == b"\x86\xdd":
        header, length, protocol = 40, 40 + int.from_bytes(packet[4:6], "big"), packet[6]
        addresses, pieces = packet[8:40], 0
        if protocol == FRAGMENT:
            header, protocol = 48, packet[40]
            word = int.from_bytes(packet[42:44], "big")
            pieces = word >> 3 | (word & 1) << 13
    else:
        return None
    at = ETHERNET + header
    is_gue = protocol == UDP and int.from_bytes(frame[at + 2 : at + 4], "big") in GUE_PORTS
    if (protocol != GRE and not is_gue) or pieces & 0x1FFF:
        return None
    pseudo = addresses + (length - header).to_bytes(4, "big") + bytes((0, 0, 0, protocol))
    return Outer(protocol, at, ETHERNET + length, pseudo, is_whole=not pieces)


def _with_gre_checksum(frame: bytes, outer: Outer) -> bytes:
    if not outer.is_whole or not frame[outer.at] & 0x80 or frame[outer.at + 4 : outer.at + 6] != b"\0\0":
        return frame
    value = ~ones_sum(frame[outer.at : outer.end]) & 0xFFFF
    return put(frame, outer.at + 4, value)
