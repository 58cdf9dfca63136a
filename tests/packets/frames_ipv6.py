# SPDX-License-Identifier: Apache-2.0
"""The frames of frames.py over IPv6."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.packets.case import Offload, Packet, Segmentation
from tests.packets.checksum import ETHERNET
from tests.packets.frames import PORT, explicit, inside, outside
from tests.packets.network_ipv6 import CLIENT, ROUTER, VIP
from tests.packets.transform_ipv6 import layer4, partial

ERRORS = {1: ICMPv6DestUnreach, 2: ICMPv6PacketTooBig, 3: ICMPv6TimeExceeded}


def ipv6(source: str, target: str, *extensions: Packet, **fields: Any) -> Packet:
    """An IPv6 header with values of its own in each field that forwarding must keep, and extensions."""
    packet: Packet = IPv6(src=source, dst=target, tc=0x1C, fl=0x12345, hlim=64)
    for name, value in fields.items():
        setattr(packet, name, value)
    for extension in extensions:
        packet /= extension
    return packet


def tcp(
    bits: str,
    payload: bytes = b"",
    /,
    *extensions: Packet,
    client: str = CLIENT,
    port: int = PORT,
    **ip: Any,
) -> Packet:
    """A segment from a client to VIP:80."""
    segment = TCP(sport=port, dport=80, flags=bits, seq=1000, ack=77000 if "A" in bits else 0, window=64240)
    return explicit(outside() / ipv6(client, VIP, *extensions, **ip) / segment / Raw(payload))


def udp(
    payload: bytes = b"question", /, *extensions: Packet, client: str = CLIENT, port: int = PORT, **ip: Any
) -> Packet:
    """A datagram from a client to VIP:53."""
    datagram = UDP(sport=port, dport=53) / Raw(payload)
    return explicit(outside() / ipv6(client, VIP, *extensions, **ip) / datagram)


def tcp_reply(
    server: str, bits: str, payload: bytes = b"", /, *, sport: int = 80, port: int = PORT, **ip: Any
) -> Packet:
    """A segment from a real server to the client, as it comes to the director with NAT."""
    segment = TCP(sport=sport, dport=port, flags=bits, seq=77000, ack=1001, window=65160)
    return explicit(inside(server) / ipv6(server, CLIENT, **ip) / segment / Raw(payload))


def udp_reply(
    server: str, payload: bytes = b"answer", *, sport: int = 53, port: int = PORT, **ip: Any
) -> Packet:
    """A datagram from a real server to the client, as it comes to the director with NAT."""
    return explicit(inside(server) / ipv6(server, CLIENT, **ip) / UDP(sport=sport, dport=port) / Raw(payload))


def icmp_error(
    quoted: Packet, *, kind: int, code: int = 0, mtu: int = 0, source: str = ROUTER, target: str = VIP
) -> Packet:
    """An ICMPv6 error that reaches the director from outside, quoting an IPv6 packet whole."""
    header = ERRORS[kind](code=code, mtu=mtu) if kind == 2 else ERRORS[kind](code=code)
    return explicit(outside() / ipv6(source, target) / header / Raw(bytes(quoted)))


def undone(
    packet: Packet, segmentation: Segmentation = Segmentation.NONE, size: int = 0
) -> tuple[Packet, Offload]:
    """Leave the L4 checksum undone as senders with offloads do, and the cutting too if a size is given."""
    frame = bytes(packet)
    start, inner, protocol = layer4(frame)
    header = (frame[start + 12] >> 4) * 4 if protocol == 6 else 8
    offload = Offload(start, inner, segmentation, size, start + header if size else 0)
    return Ether(partial(frame)), offload


def ends_early(packet: Packet, length: int) -> bytes:
    """A frame that is honest about its packet ending after so many bytes."""
    frame = bytearray(bytes(packet)[: ETHERNET + length])
    frame[ETHERNET + 4 : ETHERNET + 6] = max(length - 40, 0).to_bytes(2, "big")
    return bytes(frame)
