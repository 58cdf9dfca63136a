# SPDX-License-Identifier: Apache-2.0
"""What holds for every forwarded packet, however it looks: said without a model, by scapy alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Answer, Arrival, Packet, Segmentation, Verdict
from tests.packets.checksum import ETHERNET, ones_sum, pseudo_sum
from tests.packets.compare import wire
from tests.packets.frames import explicit, outside, undone
from tests.packets.network import INSIDE_MAC, ONE, OUTSIDE, SERVER_MACS, VIP, names, setting, web
from tests.packets.user_host import UserHost

OPTIONS = (b"", b"\x01\x01\x01\x01", b"\x07\x07\x04\x00\x00\x00\x00\x00", b"\x94\x04\x00\x00")


@st.composite
def packets(draw: st.DrawFn, shortest: int = 0, longest: int = 1300) -> Packet:
    """A client's first segment or datagram to a service; TTL and size let it pass."""
    header = IP(
        src=f"198.51.{draw(st.integers(0, 255))}.{draw(st.integers(1, 254))}",
        dst=VIP,
        id=draw(st.integers(0, 0xFFFF)),
        tos=draw(st.integers(0, 255)),
        ttl=draw(st.integers(2, 255)),
        flags=draw(st.sampled_from((0, "DF"))),
        options=[IPOption(option) for option in (draw(st.sampled_from(OPTIONS)),) if option],
    )
    port = draw(st.integers(1, 0xFFFF).filter(lambda port: port != 20))  # FTP's data: never scheduled
    pattern, length = draw(st.binary(min_size=1, max_size=7)), draw(st.integers(shortest, longest))
    payload = Raw((pattern * length)[:length])
    if draw(st.booleans()):
        return explicit(outside() / header / UDP(sport=port, dport=53) / payload)
    segment = TCP(sport=port, dport=80, flags="S", seq=draw(st.integers(0, 0xFFFFFFFF)))
    segment.options = [("MSS", draw(st.integers(0, 0xFFFF)))] if draw(st.booleans()) else []
    return explicit(outside() / header / segment / payload)


def forwarded(method: ForwardingMethod, packet: Packet, *, unfinished: bool) -> Answer:
    host = UserHost()
    host.apply(setting(web(method, port=8080), names(method, port=5353)))
    arrival = Arrival(OUTSIDE, bytes(packet))
    if unfinished:
        frame, offload = undone(packet)
        arrival = Arrival(OUTSIDE, bytes(frame), offload)
    answer = host.handle(arrival, 0)
    assert (answer.verdict, answer.reason, len(answer.frames)) == (Verdict.TRANSMIT, "new", 1)
    return answer


def layer4_is_right(packet: bytes) -> bool:
    """Whether a TCP or UDP packet's checksum holds; UDP's 0 is none."""
    header = (packet[0] & 15) * 4
    if packet[9] == 17 and packet[header + 6 : header + 8] == b"\0\0":
        return True
    return ones_sum(packet[header:], pseudo_sum(packet)) == 0xFFFF


def header_is_right(packet: bytes) -> bool:
    return ones_sum(packet[: (packet[0] & 15) * 4]) == 0xFFFF and int.from_bytes(packet[2:4], "big") == len(
        packet
    )


@given(packet=packets(), method=st.sampled_from(ForwardingMethod), unfinished=st.booleans())
def test_lengths_and_checksums_of_what_leaves_are_right(
    packet: Packet, method: ForwardingMethod, unfinished: bool
) -> None:
    out = wire(forwarded(method, packet, unfinished=unfinished).frames[0])[ETHERNET:]
    assert header_is_right(out)
    inner = out[20:] if method is ForwardingMethod.TUN else out
    assert header_is_right(inner)
    assert layer4_is_right(inner)


@given(packet=packets())
def test_direct_routing_changes_macs_ttl_and_ip_checksum_only(packet: Packet) -> None:
    out = Ether(forwarded(ForwardingMethod.DR, packet, unfinished=False).frames[0].frame)
    assert (out.src, out.dst, out[IP].ttl) == (INSIDE_MAC, SERVER_MACS[ONE], packet[IP].ttl - 1)
    out.src, out.dst = packet.src, packet.dst
    out[IP].ttl, out[IP].chksum = packet[IP].ttl, packet[IP].chksum
    assert bytes(out) == bytes(packet)


@given(packet=packets())
def test_a_tunnel_carries_the_packet_with_one_hop_less(packet: Packet) -> None:
    out = Ether(forwarded(ForwardingMethod.TUN, packet, unfinished=False).frames[0].frame)
    inner = IP(bytes(out[IP].payload))
    assert (inner.ttl, out[IP].ttl, out[IP].dst, out[IP].proto) == (packet[IP].ttl - 1, inner.ttl, ONE, 4)
    inner.ttl, inner.chksum = packet[IP].ttl, packet[IP].chksum
    assert bytes(inner) == bytes(packet[IP])


@given(packet=packets())
def test_nat_changes_the_destination_and_what_sums_it_only(packet: Packet) -> None:
    out = Ether(forwarded(ForwardingMethod.NAT, packet, unfinished=False).frames[0].frame)
    port = 8080 if packet[IP].proto == 6 else 5353
    assert (out[IP].dst, out[IP].payload.dport, out[IP].ttl) == (ONE, port, packet[IP].ttl - 1)
    out.src, out.dst, out[IP].dst = packet.src, packet.dst, VIP
    out[IP].ttl, out[IP].chksum = packet[IP].ttl, packet[IP].chksum
    out[IP].payload.dport, out[IP].payload.chksum = packet[IP].payload.dport, packet[IP].payload.chksum
    assert bytes(out) == bytes(packet)


@given(packet=packets(1400, 9000), size=st.integers(100, 1380), method=st.sampled_from(ForwardingMethod))
def test_a_super_frame_leaves_as_the_bytes_that_came(
    packet: Packet, size: int, method: ForwardingMethod
) -> None:
    """Whole by DR and NAT; through a tunnel in segments that add up to it, each with right checksums."""
    payload = bytes(packet[IP].payload.payload)
    kind = Segmentation.TCPV4 if packet[IP].proto == 6 else Segmentation.UDP_L4
    frame, offload = undone(packet, kind, size)
    host = UserHost()
    host.apply(setting(web(method), names(method)))
    answer = host.handle(Arrival(OUTSIDE, bytes(frame), offload), 0)
    assert answer.verdict is Verdict.TRANSMIT
    if method is not ForwardingMethod.TUN:
        assert [departure.offload.segment_size for departure in answer.frames] == [size]
        assert layer4_is_right(wire(answer.frames[0])[ETHERNET:])
        return
    inner = [wire(departure)[ETHERNET + 20 :] for departure in answer.frames]
    assert all(header_is_right(each) and layer4_is_right(each) for each in inner)
    assert b"".join(bytes(IP(each).payload.payload) for each in inner) == payload
