# SPDX-License-Identifier: Apache-2.0
"""The frames that clients, real servers and routers send in the packet cases, built with scapy."""

from __future__ import annotations

import struct
from enum import Enum
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.case import Offload, Packet, Segmentation
from tests.packets.checksum import partial, with_crc
from tests.packets.network import CLIENT, INSIDE_MAC, OUTSIDE_MAC, ROUTER, ROUTER_MAC, SERVER_MACS, VIP

ETHERNET = 14
PORT = 40000  # the client's


def explicit(packet: Packet) -> Packet:
    """Fill in each length and checksum that was left to scapy."""
    return Ether(bytes(packet))


def outside() -> Packet:
    """Ethernet from the clients' router to the director."""
    return Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC)


def inside(server: str) -> Packet:
    """Ethernet from a real server to the director."""
    return Ether(src=SERVER_MACS[server], dst=INSIDE_MAC)


def ipv4(source: str, target: str, **fields: Any) -> Packet:
    """An IPv4 header with values of its own in each field that forwarding must keep."""
    packet: Packet = IP(src=source, dst=target, id=0x1234, flags="DF", ttl=64)
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def tcp(
    bits: str,
    payload: bytes = b"",
    /,
    *,
    client: str = CLIENT,
    port: int = PORT,
    dport: int = 80,
    target: str = VIP,
    **ip: Any,
) -> Packet:
    """A segment from a client to VIP:80."""
    segment = TCP(
        sport=port, dport=dport, flags=bits, seq=1000, ack=77000 if "A" in bits else 0, window=64240
    )
    return explicit(outside() / ipv4(client, target, **ip) / segment / Raw(payload))


def udp(
    payload: bytes = b"question",
    *,
    client: str = CLIENT,
    port: int = PORT,
    dport: int = 53,
    target: str = VIP,
    **ip: Any,
) -> Packet:
    """A datagram from a client to VIP:53."""
    return explicit(outside() / ipv4(client, target, **ip) / UDP(sport=port, dport=dport) / Raw(payload))


class Chunk(Enum):
    """Types of SCTP's chunks (RFC 9260 §3.2) that mean something to an association."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14


def chunk(kind: Chunk, length: int = 16) -> bytes:
    """A chunk that says it is this long, filled up to a multiple of four."""
    return struct.pack("!BBH", kind.value, 0, length) + bytes((length + 3) // 4 * 4 - 4)


def association(sport: int, dport: int, *chunks: Chunk | bytes) -> bytes:
    """An SCTP packet with a right checksum."""
    body = b"".join(chunk(each) if isinstance(each, Chunk) else each for each in chunks)
    return with_crc(struct.pack("!HHII", sport, dport, 0x01020304, 0) + body)


def sctp(*chunks: Chunk | bytes, port: int = PORT, **ip: Any) -> Packet:
    """A packet from a client to VIP:9000."""
    return explicit(outside() / ipv4(CLIENT, VIP, proto=132, **ip) / Raw(association(port, 9000, *chunks)))


def sctp_reply(server: str, *chunks: Chunk | bytes, sport: int = 9000, port: int = PORT, **ip: Any) -> Packet:
    """A packet from a real server to the client, as it comes to the director with NAT."""
    packet = association(sport, port, *chunks)
    return explicit(inside(server) / ipv4(server, CLIENT, proto=132, **ip) / Raw(packet))


def tcp_reply(
    server: str, bits: str, payload: bytes = b"", /, *, sport: int = 80, port: int = PORT, **ip: Any
) -> Packet:
    """A segment from a real server to the client, as it comes to the director with NAT."""
    segment = TCP(sport=sport, dport=port, flags=bits, seq=77000, ack=1001, window=65160)
    return explicit(inside(server) / ipv4(server, CLIENT, **ip) / segment / Raw(payload))


def udp_reply(
    server: str, payload: bytes = b"answer", *, sport: int = 53, port: int = PORT, **ip: Any
) -> Packet:
    """A datagram from a real server to the client, as it comes to the director with NAT."""
    return explicit(inside(server) / ipv4(server, CLIENT, **ip) / UDP(sport=sport, dport=port) / Raw(payload))


def icmp_error(
    quoted: Packet, *, kind: int, code: int = 0, mtu: int = 0, source: str = ROUTER, target: str = VIP
) -> Packet:
    """An ICMP error that reaches the director from outside, quoting an IPv4 packet whole."""
    header = (
        ICMP(type=kind, code=code, nexthopmtu=mtu) if (kind, code) == (3, 4) else ICMP(type=kind, code=code)
    )
    return explicit(outside() / ipv4(source, target, flags=0) / header / Raw(bytes(quoted)))


def undone(
    packet: Packet, segmentation: Segmentation = Segmentation.NONE, size: int = 0
) -> tuple[Packet, Offload]:
    """Leave the L4 checksum undone as senders with offloads do, and the cutting too if a size is given."""
    frame = partial(bytes(packet))
    start = ETHERNET + packet[IP].ihl * 4
    inner = 16 if packet[IP].proto == 6 else 6
    length = start + (packet[TCP].dataofs * 4 if packet[IP].proto == 6 else 8)
    offload = Offload(start, inner, segmentation, size, length if size else 0)
    return Ether(frame), offload
