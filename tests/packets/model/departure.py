# SPDX-License-Identifier: Apache-2.0
"""How the model's frames leave: by the flow's method, within the MTU, or as an error to the client."""

from __future__ import annotations

from collections.abc import Mapping

from netaddr import IPAddress
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod, NextHop
from tests.packets import transform
from tests.packets.case import (
    Answer,
    Arrival,
    Departure,
    Packet,
    Segmentation,
    Verdict,
)
from tests.packets.frames import explicit
from tests.packets.model.outer import path_mtu
from tests.packets.model.schedulers import Real
from tests.packets.model.table import Flow
from tests.packets.network import MTU, OWN, Setting

TUNNEL_HEADER = 20


def passed(reason: str) -> Answer:
    return Answer(Verdict.PASS, reason)


def dropped(reason: str) -> Answer:
    return Answer(Verdict.DROP, reason)


def transmitted(reason: str, interface: int, *frames: Departure) -> Answer:
    return Answer(Verdict.TRANSMIT, reason, interface, frames)


def kept(flow: Flow) -> Answer:
    """Leave a packet to the director's own stack, which is its server, unless it had to be translated."""
    same = (flow.real.address, flow.port) == (flow.ends[3], flow.ends[4])
    return passed("local") if same or flow.method is not ForwardingMethod.NAT else dropped("dest_unresolved")


class Forwarder:
    """Sends by next hops; keeps only what it has spent: identifications, and the errors of a second."""

    def __init__(self) -> None:
        self.hops: Mapping[IPAddress, NextHop] = {}
        self.limit = 0
        self.allowance = 0.0
        self.refilled = 0
        self.identification = 0

    def apply(self, setting: Setting) -> None:
        self.hops = setting.hops
        limit = setting.configuration.tunables.icmp_msgs_per_sec
        if limit != self.limit:
            self.limit, self.allowance = limit, float(limit)

    def error(self, arrival: Arrival, frame: Packet, now: int, reason: str, error: Packet) -> Answer:
        """Answer with an ICMP error, unless none may be sent about this packet or too many were."""
        if frame[IP].frag or frame[IP].proto == 1:
            return dropped(f"{reason}_silent")
        self.allowance = min(float(self.limit), self.allowance + (now - self.refilled) * self.limit / 1000)
        self.refilled = now
        if self.limit and self.allowance < 1:
            return dropped("icmp_limited")
        self.allowance -= 1
        return transmitted(reason, arrival.interface, Departure(bytes(error), free_id=True))

    def inward(self, flow: Flow, arrival: Arrival, frame: Packet, now: int, reason: str) -> Answer:
        """Send a client's packet to its real server."""
        if IPAddress(flow.real.address) in OWN:
            return kept(flow)
        way = self.hops.get(IPAddress(flow.real.address))
        if way is None:
            return dropped("dest_unresolved")
        if frame[IP].ttl <= 1:
            return self.error(arrival, frame, now, "ttl_expired", transform.time_exceeded(frame))
        tunnel = flow.method is ForwardingMethod.TUN
        path = path_mtu(flow.real, way, now) if tunnel else way.mtu
        room = path - (TUNNEL_HEADER if tunnel else 0)
        if frame[IP].flags & 2 and _length(arrival, frame, tunnel=tunnel and path == way.mtu) > room:
            error = transform.fragmentation_needed(frame, room)
            return self.error(arrival, frame, now, "too_big", error)
        if frame[IP].proto == 132 and flow.method is ForwardingMethod.NAT and flow.real.port != flow.ends[4]:
            if frame[IP].flags & 1:
                return dropped("sctp_fragment")
            if frame[IP].len < frame[IP].ihl * 4 + 12:
                return dropped("truncated")
        frames = self._by_method(flow, arrival, frame, way)
        return transmitted(reason, way.interface, *frames)

    def spent(self, flow: Flow, arrival: Arrival, frame: Packet, now: int) -> Answer:
        """Tell a real server that its packet's TTL ran out, from the director's address on that side."""
        return self._expired(self.hops.get(IPAddress(flow.real.address)), arrival, frame, now)

    def _expired(self, way: NextHop | None, arrival: Arrival, frame: Packet, now: int) -> Answer:
        if way is None:
            return dropped("ttl_expired_silent")
        error = transform.time_exceeded(frame, source=str(way.source))
        return self.error(arrival, frame, now, "ttl_expired", error)

    def too_long(self, arrival: Arrival, frame: Packet) -> bool:
        """Tell whether a real server's packet does not fit the way to its client, and may not be cut."""
        return bool(frame[IP].flags & 2) and _length(arrival, frame, tunnel=False) > MTU

    def narrow(self, flow: Flow, arrival: Arrival, frame: Packet, now: int) -> Answer:
        """Tell a real server so, from the director's address on that side."""
        way = self.hops.get(IPAddress(flow.real.address))
        if way is None:
            return dropped("too_big_silent")
        error = transform.narrow_outside(frame, MTU, source=str(way.source))
        return self.error(arrival, frame, now, "too_big", error)

    def is_own(self, real: Real, address: str) -> bool:
        """Tell whether this is the director's own address on a real server's side."""
        way = self.hops.get(IPAddress(real.address))
        return way is not None and str(way.source) == address

    def tell(self, real: Real, arrival: Arrival, frame: Packet, now: int, *, passing: bool) -> Answer:
        """Tell a real server that its packet, which may be passing through the host, is of no connection."""
        way = self.hops.get(IPAddress(real.address))
        if not passing:
            error = transform.unreachable_port(frame, source=frame[IP].dst)
        elif frame[IP].ttl <= 1:
            return self._expired(way, arrival, frame, now)
        elif way is None:
            return dropped("dest_unresolved")
        else:
            lowered = Ether(src=frame.src, dst=frame.dst) / transform.aged(frame)
            error = transform.unreachable_port(lowered, source=str(way.source))
        return self.error(arrival, frame, now, "no_connection", error)

    def outward(self, flow: Flow, arrival: Arrival, frame: Packet, reason: str) -> Answer:
        """Send a real server's packet to its client."""
        undone = arrival.offload.checksum_start != 0
        vip, vport = flow.ends[3], flow.ends[4]
        out = transform.translated_back(frame, vport, vip=vip, undone_checksum=undone)
        out.src, out.dst = flow.client_macs
        return transmitted(reason, flow.interface, Departure(bytes(out), arrival.offload))

    def error_inward(self, flow: Flow, frame: Packet) -> Answer:
        """Send an ICMP error about a flow to its real server."""
        if IPAddress(flow.real.address) in OWN:
            return kept(flow)
        way = self.hops[IPAddress(flow.real.address)]
        if frame[IP].ttl <= 1:
            return dropped("ttl_expired_silent")
        if flow.method is ForwardingMethod.TUN:
            frames = self._tunnel(flow, Arrival(0, bytes(frame)), frame, way)
        elif flow.method is ForwardingMethod.NAT:
            out = translated_error(frame, flow, inward=True)
            frames = (Departure(bytes(explicit(transform.to_hop(out, way)))),)
        else:
            frames = (Departure(bytes(transform.direct(frame, way))),)
        return transmitted("icmp_related", way.interface, *frames)

    def error_outward(self, flow: Flow, frame: Packet) -> Answer:
        """Send a real server's ICMP error to the client, from the VIP."""
        out = translated_error(frame, flow, inward=False)
        mine, theirs = flow.client_macs
        return transmitted(
            "icmp_related", flow.interface, Departure(bytes(Ether(src=mine, dst=theirs) / out))
        )

    def _by_method(self, flow: Flow, arrival: Arrival, frame: Packet, way: NextHop) -> tuple[Departure, ...]:
        undone = arrival.offload.checksum_start != 0
        if flow.method is ForwardingMethod.TUN:
            return self._tunnel(flow, arrival, frame, way)
        if flow.method is ForwardingMethod.NAT:
            server, port = flow.real.address, flow.port
            out = transform.translated(frame, way, server, port, undone_checksum=undone)
        else:
            out = transform.direct(frame, way)
        if _is_super(arrival) or out[IP].len <= way.mtu:
            return (Departure(bytes(out), arrival.offload),)
        pieces = transform.fragments_of(out[IP], way.mtu)
        return tuple(Departure(bytes(transform.to_hop(piece, way))) for piece in pieces)

    def _tunnel(self, flow: Flow, arrival: Arrival, frame: Packet, way: NextHop) -> tuple[Departure, ...]:
        out = []
        for packet in _packets(arrival, frame, way.mtu):
            free = not packet.flags & 2
            self.identification = (self.identification + 1) & 0xFFFF
            identification = self.identification if free else 0
            outer = IP(bytes(transform.wrapped(packet, way, flow.real.address, identification)))
            pieces = (outer,) if outer.len <= way.mtu else transform.fragments_of(outer, way.mtu)
            out += [Departure(bytes(transform.to_hop(piece, way)), free_id=free) for piece in pieces]
        return tuple(out)


def _is_super(arrival: Arrival) -> bool:
    return arrival.offload.segmentation is not Segmentation.NONE


def _length(arrival: Arrival, frame: Packet, *, tunnel: bool) -> int:
    """The length that counts against an MTU: a segment's. Of TCP's in a tunnel none: they are cut to fit."""
    length: int = frame[IP].len
    if not _is_super(arrival):
        return length
    if tunnel and arrival.offload.segmentation is Segmentation.TCPV4:
        return 0
    return min(length, arrival.offload.header_length - 14 + arrival.offload.segment_size)


def _packets(arrival: Arrival, frame: Packet, mtu: int) -> tuple[Packet, ...]:
    """What goes into tunnels: whole packets with whole checksums, a hop less to live."""
    lowered = Ether(bytes(Ether(src=frame.src, dst=frame.dst) / transform.aged(frame)))
    if _is_super(arrival):
        size = arrival.offload.segment_size
        if arrival.offload.segmentation is Segmentation.TCPV4:
            size = min(size, mtu - TUNNEL_HEADER - (arrival.offload.header_length - 14))
        return transform.segments_of(lowered, size)
    packet = lowered[IP]
    if arrival.offload.checksum_start:
        del packet.payload.chksum
        packet = IP(bytes(packet))
    return (packet,)


def translated_error(frame: Packet, flow: Flow, *, inward: bool) -> Packet:
    """Rewrite an ICMP error and the packet it quotes; the quoted L4 checksum stays as it was."""
    packet = transform.aged(frame)
    quoted = bytes(packet[ICMP].payload)
    header = IP(quoted)
    length = header.ihl * 4
    ports = quoted[length : length + 4]
    if inward:
        packet.dst = header.src = flow.real.address
        ports = flow.port.to_bytes(2, "big") + ports[2:]
    else:
        packet.src = header.dst = flow.ends[3]
        ports = ports[:2] + flow.ends[4].to_bytes(2, "big")
    head = bytearray(bytes(header)[:length])
    fixed = IP(bytes(head))
    fixed.remove_payload()
    del fixed.chksum
    fixed_head = bytes(fixed)[:length]
    packet[ICMP].remove_payload()
    del packet.chksum, packet[ICMP].chksum, packet.len
    return IP(bytes(packet / Raw(fixed_head + ports + quoted[length + 4 :])))
