# SPDX-License-Identifier: Apache-2.0
"""What the director must make of a frame, said with scapy: the rewritings and the errors, one function each.

Taken from the behaviour of kernel IPVS and the RFCs, not from the data path's code: cases and the reference
model are built on it. Each takes an explicit frame (lengths and checksums filled in) and returns one.
"""

from __future__ import annotations

import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Padding, Raw

from director.model import NextHop
from tests.packets.case import Packet
from tests.packets.checksum import adjusted, partial, with_crc
from tests.packets.frames import explicit
from tests.packets.network import OUTSIDE_MAC, ROUTER_MAC, VIP, hop

SCTP = 132
ICMP_PACKET = 576  # RFC 1812 4.3.2.3: an error holds as much of the original as fits in this
INTERNETWORK_CONTROL = 0xC0  # precedence of ICMP errors, RFC 1812 4.3.2.5


def to_hop(packet: Packet, way: NextHop) -> Packet:
    """Put an IPv4 packet into the Ethernet frame that takes it over a next hop."""
    header = Ether(src=str(way.source_mac), dst=str(way.destination_mac), type=0x0800)
    return Ether(bytes(header / bytes(packet)))


def aged(frame: Packet) -> Packet:
    """Take the packet out of a frame, without padding, its TTL one less."""
    packet = frame[IP].copy()
    if Padding in packet:
        packet[Padding].underlayer.remove_payload()
    packet.ttl -= 1
    del packet.chksum
    return IP(bytes(packet))


def direct(frame: Packet, way: NextHop | str) -> Packet:
    """Direct routing: another next hop, and one hop less to live."""
    return explicit(to_hop(aged(frame), _way(way)))


def translated(
    frame: Packet, way: NextHop | str, server: str, port: int, *, undone_checksum: bool = False
) -> Packet:
    """NAT from client to real server."""
    packet = aged(frame)
    packet.dst = server
    if packet.proto == SCTP:
        return explicit(to_hop(_with_sctp_port(packet, 2, port), _way(way)))
    if packet.frag == 0:
        packet.payload.dport = port
    return _with_new_addresses(frame, packet, _way(way), undone_checksum=undone_checksum)


def translated_back(frame: Packet, vport: int, *, vip: str = VIP, undone_checksum: bool = False) -> Packet:
    """NAT from real server to client, by the way the client's packet came."""
    packet = aged(frame)
    packet.src = vip
    if packet.proto == SCTP:
        out = explicit(to_hop(_with_sctp_port(packet, 0, vport), hop("10.0.0.11")))
        out.src, out.dst = OUTSIDE_MAC, ROUTER_MAC
        return out
    if packet.frag == 0:
        packet.payload.sport = vport
    out = _with_new_addresses(frame, packet, hop("10.0.0.11"), undone_checksum=undone_checksum)
    out.src, out.dst = OUTSIDE_MAC, ROUTER_MAC
    return out


def tunnelled(frame: Packet, way: NextHop | str, server: str) -> Packet:
    """IP in IP (RFC 2003); the outer identification is 0 with DF, the director's own choice without."""
    return explicit(to_hop(wrapped(aged(frame), _way(way), server), _way(way)))


def wrapped(packet: Packet, way: NextHop, server: str, identification: int = 0) -> Packet:
    """Put an outer header before a packet whose TTL has been lowered already; RFC 6040: CE becomes ECT(0)."""
    return IP(
        src=str(way.source),
        dst=server,
        tos=packet.tos & 0xFC | 2 if packet.tos & 3 == 3 else packet.tos,
        ttl=packet.ttl,
        proto=4,
        flags=packet.flags & 2,
        id=identification,
    ) / bytes(packet)


def reset_for(frame: Packet) -> Packet:
    """The RST with which a closed port answers a segment (RFC 9293 3.10.7.1), on the way the segment came."""
    segment = frame[TCP]
    if segment.flags & 0x10:
        answer = TCP(sport=segment.dport, dport=segment.sport, flags="R", seq=segment.ack, ack=0, window=0)
    else:
        length = len(payload_of(frame)) + bool(segment.flags & 2) + bool(segment.flags & 1)
        acknowledged = (segment.seq + length) & 0xFFFFFFFF
        answer = TCP(sport=segment.dport, dport=segment.sport, flags="RA", seq=0, ack=acknowledged, window=0)
    tos = frame[IP].tos & 0xFC  # RFC 3168 6.1.1: control packets are not ECN-capable
    packet = IP(src=frame[IP].dst, dst=frame[IP].src, id=0, flags="DF", ttl=64, tos=tos) / answer
    return explicit(Ether(src=frame.dst, dst=frame.src) / packet)


def error_about(frame: Packet, kind: int, code: int, *, mtu: int = 0, source: str = VIP) -> Packet:
    """The ICMP error about a frame that goes back the way the frame came."""
    quoted = bytes(frame[IP])[: frame[IP].len][: ICMP_PACKET - 28]
    header = struct.pack("!BBHHH", kind, code, 0, 0, mtu)
    tos = frame[IP].tos & 0x1E | INTERNETWORK_CONTROL
    packet = IP(src=source, dst=frame[IP].src, tos=tos, ttl=64, id=0) / ICMP(header) / Raw(quoted)
    del packet[ICMP].chksum
    return explicit(Ether(src=frame.dst, dst=frame.src) / packet)


def unreachable_protocol(frame: Packet) -> Packet:
    return error_about(frame, 3, 2)


def unreachable_port(frame: Packet, *, source: str = VIP) -> Packet:
    return error_about(frame, 3, 3, source=source)


def time_exceeded(frame: Packet, *, source: str = VIP) -> Packet:
    return error_about(frame, 11, 0, source=source)


def fragmentation_needed(frame: Packet, mtu: int) -> Packet:
    """To a client. Kernel IPVS lowers the TTL before it looks at the length: the quote has one hop less."""
    lowered = Ether(bytes(frame))
    lowered[IP].ttl -= 1
    del lowered[IP].chksum
    return error_about(explicit(lowered), 3, 4, mtu=mtu)


def narrow_outside(frame: Packet, mtu: int, *, source: str) -> Packet:
    """Fragmentation needed, to a server. Linux looks at a routed packet's length before it lowers the TTL."""
    return error_about(frame, 3, 4, mtu=mtu, source=source)


def payload_of(frame: Packet) -> bytes:
    """The bytes after the L4 header, without padding."""
    packet = frame[IP]
    header = packet.ihl * 4 + (frame[TCP].dataofs * 4 if packet.proto == 6 else 8)
    return bytes(packet)[header : packet.len]


def fragments_of(packet: Packet, mtu: int) -> tuple[Packet, ...]:
    """Cut an IPv4 packet so that no piece is larger than the MTU, each as full as it can be (RFC 791)."""
    header, body = bytes(packet)[: packet.ihl * 4], bytes(packet)[packet.ihl * 4 : packet.len]
    room = (mtu - len(header)) // 8 * 8
    pieces = []
    for start in range(0, len(body), room):
        piece = IP(header)
        piece.frag = packet.frag + start // 8
        more = start + room < len(body) or bool(packet.flags & 1)
        piece.flags = packet.flags & 6 | int(more)
        del piece.chksum, piece.len
        pieces.append(IP(bytes(piece / Raw(body[start : start + room]))))
    return tuple(pieces)


def segments_of(frame: Packet, size: int) -> tuple[Packet, ...]:
    """Cut a super-frame as its sender's network card would have."""
    packet = frame[IP]
    payload = payload_of(frame)
    starts = range(0, len(payload), size)
    return tuple(
        _segment(packet, number, start, payload[start : start + size], start + size >= len(payload))
        for number, start in enumerate(starts)
    )


def _segment(packet: Packet, number: int, start: int, payload: bytes, last: bool) -> Packet:
    piece = packet.copy()
    piece.payload.remove_payload()
    piece.id = (packet.id + number) & 0xFFFF
    if packet.proto == 6:
        piece[TCP].seq = (packet[TCP].seq + start) & 0xFFFFFFFF
        if not last:
            piece[TCP].flags &= ~0x09
        if number:
            piece[TCP].flags &= ~0x80
    else:
        del piece[UDP].len
    del piece.len, piece.chksum, piece.payload.chksum
    return IP(bytes(piece / Raw(payload)))


def _way(way: NextHop | str) -> NextHop:
    return hop(way) if isinstance(way, str) else way


def _with_sctp_port(packet: Packet, at: int, port: int) -> Packet:
    """Put a port into an SCTP packet; its checksum does not cover the addresses."""
    body, wanted = bytes(packet.payload), port.to_bytes(2, "big")
    if body[at : at + 2] != wanted:
        body = with_crc(body[:at] + wanted + body[at + 2 :])
    packet.remove_payload()
    del packet.chksum
    return packet / Raw(body)


def _with_new_addresses(old: Packet, packet: Packet, way: NextHop, *, undone_checksum: bool) -> Packet:
    """Finish a translated packet: a checksum that was right is computed, a wrong one stays as wrong."""
    before = old[IP]
    del packet.chksum
    if undone_checksum or (not packet.frag and not packet.flags & 1 and was_right(before)):
        del packet.payload.chksum
        out = IP(bytes(packet))
    else:
        out = _adjusted(before, packet)
    frame = bytes(to_hop(out, way))
    return Ether(partial(frame) if undone_checksum else frame)


def was_right(packet: Packet) -> bool:
    """Whether the L4 checksum is right; UDP's absent one is, too."""
    again = IP(bytes(packet)[: packet.len])
    del again.payload.chksum
    is_absent = packet.proto == 17 and packet.payload.chksum == 0
    return is_absent or bool(IP(bytes(again)).payload.chksum == packet.payload.chksum)


def _adjusted(before: Packet, packet: Packet) -> Packet:
    if packet.frag == 0 and packet.payload.chksum:
        was, now = bytes(before), bytes(packet)
        ports = packet.ihl * 4
        value = adjusted(
            packet.payload.chksum, was[12:20] + was[ports : ports + 4], now[12:20] + now[ports : ports + 4]
        )
        packet.payload.chksum = value or 0xFFFF
    return IP(bytes(packet))
