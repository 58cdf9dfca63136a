# SPDX-License-Identifier: Apache-2.0
"""What the model reads behind a frame's IPv4 header: its ends, what it begins or ends. Knows no setting."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP

from tests.packets.case import Packet
from tests.packets.checksum import ones_sum
from tests.packets.model import sctp
from tests.packets.model.table import Ends


def ends_of(packet: Packet) -> Ends:
    ports = bytes(packet)[packet.ihl * 4 :]
    sport, dport = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:4], "big")
    return packet.proto, packet.src, sport, packet.dst, dport


def answered_ends(body: bytes) -> Ends | None:
    """Say of which packets the one that an error quotes was an answer to."""
    if len(body) < 28 or len(body) < (body[0] & 15) * 4 + 8:
        return None
    quoted = IP(body)
    if quoted.proto not in (6, 17, 132) or quoted.frag:
        return None
    protocol, source, sport, target, dport = ends_of(quoted)
    return protocol, target, dport, source, sport


def event(frame: Packet) -> str:
    return sctp.event(bytes(frame[IP])[frame[IP].ihl * 4 : frame[IP].len])


def begins(frame: Packet) -> bool:
    """Whether a client begins a connection so."""
    if frame[IP].proto == 6:
        return "S" in str(frame[TCP].flags)
    return bool(frame[IP].proto == 132 and event(frame) == "INIT")


def aborts(frame: Packet) -> bool:
    """Whether a connection ends so, at once."""
    if frame[IP].proto == 6:
        return "R" in str(frame[TCP].flags)
    return bool(frame[IP].proto == 132 and event(frame) == "ABORT")


def pieces(frame: Packet) -> tuple[str, str, int, int]:
    packet = frame[IP]
    return packet.src, packet.dst, packet.proto, packet.id


def is_whole(frame: Packet) -> bool:
    """Whether an ICMP message's checksum is right."""
    return ones_sum(bytes(frame[ICMP])[: frame[IP].len - frame[IP].ihl * 4]) == 0xFFFF
