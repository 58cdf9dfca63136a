# SPDX-License-Identifier: Apache-2.0
"""What the model asks of a frame's IPv4 header before anything else. Knows no connections."""

from __future__ import annotations

from netaddr import IPAddress, IPNetwork

from tests.packets.case import Answer, Packet
from tests.packets.checksum import ETHERNET, ones_sum
from tests.packets.model.departure import dropped, passed

LOOPBACK = IPNetwork("127.0.0.0/8")


def is_martian(packet: Packet) -> bool:
    """Whether no other host can have this source (RFC 1812 5.3.7)."""
    source = IPAddress(packet.src)
    return (
        str(source) in ("0.0.0.0", "255.255.255.255", packet.dst)
        or source in LOOPBACK
        or source.is_multicast()
    )


def fault_of(frame: bytes) -> Answer | None:
    """What keeps a frame from being an IPv4 packet: the checks of RFC 1812 5.2.2."""
    if len(frame) < ETHERNET:
        return dropped("truncated")
    if frame[12:14] != b"\x08\x00":
        return passed("not_ip")
    packet = frame[ETHERNET:]
    if len(packet) < 20:
        return dropped("truncated")
    header, length = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    if packet[0] >> 4 != 4 or header < 20 or length < header:
        return dropped("bad_header")
    if len(packet) < length:
        return dropped("truncated")
    if ones_sum(packet[:header]) != 0xFFFF:
        return dropped("bad_checksum")
    needed = {6: 20, 17: 8, 1: 8, 132: 4}.get(packet[9], 0)
    later = int.from_bytes(packet[6:8], "big") & 0x1FFF
    return dropped("truncated") if not later and length < header + needed else None
