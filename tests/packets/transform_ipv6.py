# SPDX-License-Identifier: Apache-2.0
"""What the director must make of an IPv6 frame: transform.py's rewritings and errors for the other family.

Over bytes where scapy would build a packet anew, since extension headers must come out as they went in.
"""

from __future__ import annotations

import struct

from netaddr import IPAddress
from scapy.layers.l2 import Ether

from director.model import NextHop
from tests.packets.case import Packet
from tests.packets.checksum import ETHERNET, adjusted, ones_sum, put
from tests.packets.network import OUTSIDE_MAC, ROUTER_MAC, hop
from tests.packets.network_ipv6 import VIP

HEADER = 40
ICMP_PACKET = 1280  # RFC 4443 2.4 (c): an error holds as much of the original as fits in this
TCP, UDP, ICMPV6, FRAGMENT, AH = 6, 17, 58, 44, 51
EXTENSIONS = (0, 43, FRAGMENT, AH, 60)
CHECKSUM = {TCP: 16, UDP: 6, ICMPV6: 2}


def packed(address: str) -> bytes:
    return IPAddress(address).packed


def packet_of(frame: Packet) -> bytes:
    """The IPv6 packet of a frame, without padding."""
    raw = bytes(frame)[ETHERNET:]
    return raw[: HEADER + int.from_bytes(raw[4:6], "big")]


def transport(packet: bytes) -> tuple[int, int, int]:
    """Say where a packet's transport header stands, its protocol, and its offset as a fragment and `more`."""
    at, protocol, fragment = HEADER, packet[6], 0
    while protocol in EXTENSIONS and not fragment & 0xFFF8:
        length = (
            8
            if protocol == FRAGMENT
            else (packet[at + 1] + 2) * 4
            if protocol == AH
            else 8 * (packet[at + 1] + 1)
        )
        if protocol == FRAGMENT:
            fragment = int.from_bytes(packet[at + 2 : at + 4], "big")
        at, protocol = at + length, packet[at]
    return at, protocol, fragment


def layer4(frame: bytes) -> tuple[int, int, int]:
    """Say where the L4 header of a frame starts, where within it the checksum stands, and its protocol."""
    at, protocol, _ = transport(frame[ETHERNET:])
    return ETHERNET + at, CHECKSUM[protocol], protocol


def pseudo_sum(packet: bytes, protocol: int, length: int) -> int:
    return ones_sum(packet[8:40] + struct.pack("!LL", length, protocol))


def partial(frame: bytes) -> bytes:
    """Replace the L4 checksum by the pseudo-header's sum."""
    start, offset, protocol = layer4(frame)
    return put(frame, start + offset, pseudo_sum(frame[ETHERNET:], protocol, len(frame) - start))


def summed(packet: bytes) -> bytes:
    """Compute the transport checksum anew."""
    at, protocol, _ = transport(packet)
    field = at + CHECKSUM[protocol]
    blank = put(packet, field, 0)
    value = ones_sum(blank[at:], pseudo_sum(blank, protocol, len(packet) - at)) ^ 0xFFFF
    return put(blank, field, value or (0xFFFF if protocol == UDP else 0))


def was_right(packet: bytes) -> bool:
    """Whether the L4 checksum is right; UDP's absent one is, too."""
    at, protocol, _ = transport(packet)
    field = at + CHECKSUM[protocol]
    absent = protocol == UDP and packet[field : field + 2] == bytes(2)
    return absent or ones_sum(packet[at:], pseudo_sum(packet, protocol, len(packet) - at)) == 0xFFFF


def aged(packet: bytes) -> bytes:
    return packet[:7] + bytes([packet[7] - 1]) + packet[8:]


def to_hop(packet: bytes, way: NextHop) -> Packet:
    """Put an IPv6 packet into the Ethernet frame that takes it over a next hop."""
    return Ether(bytes(Ether(src=str(way.source_mac), dst=str(way.destination_mac), type=0x86DD)) + packet)


def _way(way: NextHop | str) -> NextHop:
    return hop(way) if isinstance(way, str) else way


def direct(frame: Packet, way: NextHop | str) -> Packet:
    """Direct routing: another next hop, and one hop less to live."""
    return to_hop(aged(packet_of(frame)), _way(way))


def translated(
    frame: Packet, way: NextHop | str, server: str, port: int, *, undone_checksum: bool = False
) -> Packet:
    """NAT from client to real server."""
    packet = renamed(aged(packet_of(frame)), 24, 2, server, port, undone_checksum=undone_checksum)
    return to_hop(packet, _way(way))


def translated_back(frame: Packet, vport: int, *, undone_checksum: bool = False) -> Packet:
    """NAT from real server to client, by the way the client's packet came."""
    packet = renamed(aged(packet_of(frame)), 8, 0, VIP, vport, undone_checksum=undone_checksum)
    return Ether(bytes(Ether(src=OUTSIDE_MAC, dst=ROUTER_MAC, type=0x86DD)) + packet)


def renamed(
    packet: bytes, place: int, port_place: int, address: str, port: int, *, undone_checksum: bool
) -> bytes:
    """Give a packet another address at this place, and another port; its checksum stays as right."""
    at, protocol, fragment = transport(packet)
    out = packet[:place] + packed(address) + packet[place + 16 :]
    if fragment & 0xFFF8:
        return out
    out = put(out, at + port_place, port)
    if undone_checksum:
        return partial(bytes(ETHERNET) + out)[ETHERNET:]
    if not fragment and was_right(packet):
        return summed(out)
    field = at + CHECKSUM[protocol]
    old = int.from_bytes(packet[field : field + 2], "big")
    if not old:
        return out
    ports = slice(at, at + 4)
    value = adjusted(old, packet[8:40] + packet[ports], out[8:40] + out[ports])
    return put(out, field, value or (0xFFFF if protocol == UDP else 0))


def tunnelled(frame: Packet, way: NextHop | str, server: str) -> Packet:
    """IPv6 in IPv6 (RFC 2473)."""
    return to_hop(wrapped(aged(packet_of(frame)), _way(way), server), _way(way))


def wrapped(packet: bytes, way: NextHop, server: str) -> bytes:
    """Put an outer header before a packet whose hop limit has been lowered; RFC 6040: CE becomes ECT(0)."""
    traffic = (packet[0] & 15) << 4 | packet[1] >> 4
    traffic = traffic & 0xFC | 2 if traffic & 3 == 3 else traffic
    outer = struct.pack("!LHBB", 6 << 28 | traffic << 20, len(packet), 41, packet[7])
    return outer + way.source.packed + packed(server) + packet


def _back(frame: Packet, packet: bytes) -> Packet:
    return Ether(bytes(Ether(src=frame.dst, dst=frame.src, type=0x86DD)) + packet)


def answer(frame: Packet, protocol: int, body: bytes, *, source: str = VIP, traffic: int = 0) -> Packet:
    """A packet of the director's own, back where the frame came from, its checksum computed."""
    header = struct.pack("!LHBB", 6 << 28 | traffic << 20, len(body), protocol, 64)
    return _back(frame, summed(header + packed(source) + packet_of(frame)[8:24] + body))


def reset_for(frame: Packet) -> Packet:
    """The RST with which a closed port answers a segment (RFC 9293 3.10.7.1)."""
    packet = packet_of(frame)
    at = transport(packet)[0]
    sport, dport, sequence, acknowledged, offset, flags = struct.unpack_from("!HHLLBB", packet, at)
    occupied = len(packet) - at - (offset >> 4) * 4 + bool(flags & 2) + bool(flags & 1)
    numbers = (acknowledged, 0, 4) if flags & 16 else (0, (sequence + occupied) & 0xFFFFFFFF, 20)
    body = struct.pack("!HHLLBBHHH", dport, sport, *numbers[:2], 5 << 4, numbers[2], 0, 0, 0)
    return answer(frame, TCP, body, traffic=((packet[0] & 15) << 4 | packet[1] >> 4) & 0xFC)


def error_about(frame: Packet, kind: int, code: int, *, mtu: int = 0, source: str = VIP) -> Packet:
    """The ICMPv6 error about a frame that goes back the way the frame came."""
    quoted = packet_of(frame)[: ICMP_PACKET - HEADER - 8]
    return answer(frame, ICMPV6, struct.pack("!BBHL", kind, code, 0, mtu) + quoted, source=source)


def unreachable_port(frame: Packet, *, source: str = VIP) -> Packet:
    return error_about(frame, 1, 4, source=source)


def time_exceeded(frame: Packet, *, source: str = VIP) -> Packet:
    return error_about(frame, 3, 0, source=source)


def too_big(frame: Packet, mtu: int) -> Packet:
    """To a client. Kernel IPVS lowers the hop limit before it looks at the length."""
    lowered = Ether(bytes(frame)[:ETHERNET] + aged(packet_of(frame)))
    return error_about(lowered, 2, 0, mtu=mtu)


def narrow_outside(frame: Packet, mtu: int, *, source: str) -> Packet:
    """Packet too big, to a server. Linux looks at a routed packet's length before it lowers the hop limit."""
    return error_about(frame, 2, 0, mtu=mtu, source=source)


def fragments_of(frame: Packet, size: int, identification: int = 0x12345678) -> tuple[Packet, ...]:
    """Cut the packet of a frame as its sender would have, so that no piece is larger than `size`."""
    packet = packet_of(frame)
    body, room = packet[HEADER:], (size - HEADER - 8) // 8 * 8
    pieces = []
    for start in range(0, len(body), room):
        more = start + room < len(body)
        piece = body[start : start + room]
        header = struct.pack("!BBHL", packet[6], 0, start | more, identification)
        whole = packet[:4] + struct.pack("!HB", 8 + len(piece), FRAGMENT) + packet[7:HEADER] + header + piece
        pieces.append(Ether(bytes(frame)[:ETHERNET] + whole))
    return tuple(pieces)
