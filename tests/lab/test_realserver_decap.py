# SPDX-License-Identifier: Apache-2.0
"""The unwrapping program against single frames, good and hostile: what comes out, and which reason counts it.

Each frame is followed by a good one, so a socket on the VIP tells at once if the first got through.
"""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from netaddr import IPAddress
from scapy.layers.inet import IP, UDP, IPOption_NOP, IPOption_Timestamp
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from realserver.bpf import Reason, read_counts, read_endpoints, read_vips
from realserver.host import Host
from realserver.settings import Served
from tests.lab.realserver_network import Node, join, network, packet_socket
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bpf", "clsact", "ip")]

VIP, CLIENT, DIRECTOR, SERVER = "192.0.2.1", "10.1.0.2", "10.0.0.1", "10.0.0.2"
CONGESTED, CAPABLE = 3, 2  # ECN: congestion experienced; ECT(0)
OPTIONS = [IPOption_NOP()] * 4


def inner(**fields: Any) -> Packet:
    addressed: dict[str, Any] = {"src": CLIENT, "dst": VIP}
    return IP(**addressed | fields) / UDP(sport=1000, dport=53) / Raw(b"asked")


def outer(content: Packet | bytes, **fields: Any) -> Packet:
    wrapped = content if isinstance(content, Packet) else Raw(content)
    addressed: dict[str, Any] = {"src": DIRECTOR, "dst": SERVER, "proto": 4}
    return IP(**addressed | fields) / wrapped


def gue(header: str, options: str = "", **udp: Any) -> Packet:
    """Wrap in UDP and GUE; without a checksum, unless one is given."""
    content = Raw(bytes.fromhex(header + options) + bytes(inner()))
    return outer(UDP(**{"sport": 50000, "dport": 6080, "chksum": 0} | udp) / content, proto=17)


def cut(packet: Packet, length: int) -> bytes:
    return bytes(packet)[:length]


@dataclass(frozen=True)
class Case:
    says: str
    packet: Packet
    reason: Reason | None  # None: no business of the program's, and not counted
    received: tuple[tuple[bytes, int], ...] = ()  # payload and type of service


ASKED = ((b"asked", 0),)
CASES = (
    Case("a tunnel packet for the VIP is unwrapped", outer(inner()), Reason.UNWRAPPED, ASKED),
    Case("options of the outer header go with it", outer(inner(), options=OPTIONS), Reason.UNWRAPPED, ASKED),
    Case("as many as fit", outer(inner(), options=[IPOption_Timestamp(length=40)]), Reason.UNWRAPPED, ASKED),
    Case("options of the inner header stay", outer(inner(options=OPTIONS)), Reason.UNWRAPPED, ASKED),
    Case("bytes behind the inner packet are trimmed", outer(bytes(inner()) + b"tail"), Reason.UNWRAPPED,
         ASKED),
    Case("a mark of congestion moves inwards", outer(inner(tos=CAPABLE), tos=CONGESTED), Reason.UNWRAPPED,
         ((b"asked", CONGESTED),)),
    Case("a mark that is inside already stays", outer(inner(tos=CONGESTED), tos=CAPABLE), Reason.UNWRAPPED,
         ((b"asked", CONGESTED),)),
    Case("congestion on a packet that cannot say so", outer(inner(), tos=CONGESTED), Reason.CONGESTION),
    Case("a tunnel to another of this host's addresses is left alone", outer(inner(), dst="10.0.0.77"),
         Reason.OTHER_ENDPOINT),
    Case("a packet for another VIP is left alone", outer(inner(dst="192.0.2.77")), Reason.OTHER_VIP),
    Case("a first fragment is left alone", outer(inner(), flags="MF"), Reason.OUTER_FRAGMENT),
    Case("a last fragment is left alone", outer(inner(), frag=9), Reason.OUTER_FRAGMENT),
    Case("don't-fragment makes no fragment", outer(inner(), flags="DF"), Reason.UNWRAPPED, ASKED),
    Case("an outer checksum that is wrong drops it", outer(inner(), chksum=0xBEEF), Reason.OUTER_BAD),
    Case("so it does with options", outer(inner(), options=OPTIONS, chksum=0xBEEF), Reason.OUTER_BAD),
    Case("an outer length beyond the frame", outer(inner(), len=2000), Reason.OUTER_BAD),
    Case("an outer length within its own header", outer(inner(), len=19), Reason.OUTER_BAD),
    Case("an outer header shorter than a header", outer(inner(), ihl=4), Reason.OUTER_BAD),
    Case("an outer header longer than the packet", outer(inner(), ihl=15, len=40), Reason.OUTER_BAD),
    Case("an outer header that says version 6", outer(inner(), version=6), Reason.OUTER_BAD),
    Case("nothing inside", outer(b""), Reason.INNER_SHORT),
    Case("half an inner header", outer(cut(inner(), 10)), Reason.INNER_SHORT),
    Case("all but a byte of an inner header", outer(cut(inner(), 19)), Reason.INNER_SHORT),
    Case("an inner header hidden behind the outer's length", outer(inner(), len=39), Reason.INNER_SHORT),
    Case("an inner version of 6", outer(inner(version=6)), Reason.INNER_VERSION),
    Case("an inner version of 0", outer(bytes(28)), Reason.INNER_VERSION),
    Case("an inner header shorter than a header", outer(inner(ihl=4)), Reason.INNER_LENGTH),
    Case("an inner length beyond the packet", outer(inner(len=34)), Reason.INNER_LENGTH),
    Case("an inner length within its own header", outer(inner(len=19)), Reason.INNER_LENGTH),
    Case("an inner header with options beyond its length", outer(inner(ihl=15)), Reason.INNER_LENGTH),
    Case("an inner checksum that is wrong is for the stack", outer(inner(chksum=0xBEEF)), Reason.UNWRAPPED),
    Case("a plain packet for the VIP is no tunnel's", inner(), None, ASKED),
    Case("a datagram to another port is no tunnel's", outer(UDP(dport=6081) / inner(), proto=17), None),
    Case("a piece of a datagram tells no port", outer(UDP(dport=6080) / inner(), proto=17, frag=9), None),
    Case("the first piece tells it", outer(UDP(dport=6080) / inner(), proto=17, flags="MF"),
         Reason.OUTER_FRAGMENT),
    Case("a GRE header that is cut off", outer(b"\0\0\x08", proto=47), Reason.TUNNEL_BAD),
    Case("GRE with a key is another's", outer(bytes.fromhex("2000080000000001") + bytes(inner()), proto=47),
         Reason.OTHER_TUNNEL),
    Case("so is GRE that carries no IP", outer(bytes.fromhex("00006558") + bytes(inner()), proto=47),
         Reason.OTHER_TUNNEL),
    Case("GRE says one family and holds the other", outer(bytes.fromhex("000086dd") + bytes(60), proto=47),
         Reason.INNER_VERSION),
    Case("GRE with a checksum that is wrong",
         outer(bytes.fromhex("80000800beef0000") + bytes(inner()), proto=47), Reason.TUNNEL_BAD),
    Case("GRE holds nothing", outer(bytes.fromhex("00000800"), proto=47), Reason.INNER_SHORT),
    Case("GUE", gue("00040000"), Reason.UNWRAPPED, ASKED),
    Case("GUE's header is cut off", outer(UDP(dport=6080) / b"\0\4\0", proto=17), Reason.TUNNEL_BAD),
    Case("GUE of another version", gue("40040000"), Reason.OTHER_TUNNEL),
    Case("a control message of GUE", gue("20040000"), Reason.OTHER_TUNNEL),
    Case("GUE that carries no IP", gue("00060000"), Reason.OTHER_TUNNEL),
    Case("GUE with an option that is not known", gue("01048000", "00000000"), Reason.OTHER_TUNNEL),
    Case("GUE with a private option that is not known", gue("02040001", "4000000000000000"),
         Reason.OTHER_TUNNEL),
    Case("GUE's checksum is wrong", gue("00040000", chksum=0xBEEF), Reason.TUNNEL_BAD),
    Case("GUE's length is wrong", gue("00040000", len=20), Reason.TUNNEL_BAD),
    Case("GUE asks for a sum that starts within the header", gue("02040001", "80000000000a001a"),
         Reason.TUNNEL_BAD),
    Case("GUE asks for a sum beyond the packet", gue("02040001", "8000000000140400"), Reason.TUNNEL_BAD),
    Case("GUE asks for a sum that starts at an odd byte", gue("02040001", "800000000015001a"),
         Reason.TUNNEL_BAD),
)  # fmt: skip


@dataclass(frozen=True)
class Wire:
    """The director's end of a cable, and a socket on the server's VIP."""

    server: Node
    raw: socket.socket
    service: socket.socket
    program: int
    ethernet: Packet

    def send(self, frame: Packet | bytes) -> tuple[tuple[bytes, int], ...]:
        """Send a frame and then a good packet; return what the service received before the good one."""
        self.raw.send(bytes(frame))
        marker = outer(IP(src=CLIENT, dst=VIP) / UDP(sport=1000, dport=53) / Raw(b"marker"))
        self.raw.send(bytes(self.ethernet / marker))
        return tuple(iter(self._receive, (b"marker", 0)))

    def _receive(self) -> tuple[bytes, int]:
        payload, ancillary, _, _ = self.service.recvmsg(2048, 64)
        (tos,) = (
            data[0] for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS)
        )
        return payload, tos

    def counts(self) -> dict[Reason, int]:
        """Read the counters, less the markers."""
        return {count.reason: count.packets for count in read_counts(self.program)}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with network(tmp_path_factory.mktemp("wire"), "director", "server") as (director, server):
        join(director, "eth0", f"{DIRECTOR}/24", server, "eth0", f"{SERVER}/24")
        server.ip("route", "add", "default", "via", DIRECTOR)
        server.up("--vip", VIP, "--method", "tun", "--decap", "ebpf")
        ethernet = Ether(src=director.mac("eth0"), dst=server.mac("eth0"), type=0x0800)
        raw = director.inside(lambda: packet_socket("eth0"))
        service = server.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with raw, service:
            service.bind((VIP, 53))
            service.settimeout(5)
            service.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            yield Wire(server, raw, service, server.inside(program_id), ethernet)


def program_id() -> int:
    with Host() as host:
        return host.decap_program("eth0")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_each_packet_meets_its_end_and_is_counted(wire: Wire, case: Case) -> None:
    before = wire.counts()
    received = wire.send(wire.ethernet / case.packet)
    marker = {Reason.UNWRAPPED: 1}
    counted = {
        reason: count - before[reason] - marker.get(reason, 0) for reason, count in wire.counts().items()
    }
    assert received == case.received
    expected = {} if case.reason is None else {case.reason: 1}
    assert {reason: count for reason, count in counted.items() if count} == expected


def test_frames_for_others_are_not_touched(wire: Wire) -> None:
    before = wire.counts()
    elsewhere = Ether(src=wire.ethernet.src, dst="02:00:00:00:00:99", type=0x0800)
    tagged = Ether(src=wire.ethernet.src, dst=wire.ethernet.dst) / Dot1Q(vlan=7)
    for envelope in (elsewhere, tagged):
        assert wire.send(envelope / outer(inner())) == ()
    assert wire.counts()[Reason.UNWRAPPED] == before[Reason.UNWRAPPED] + 2


@pytest.mark.parametrize("packet", [outer(inner()), outer(inner(options=OPTIONS), options=OPTIONS)])
def test_no_truncation_of_a_good_packet_gets_through(wire: Wire, packet: Packet) -> None:
    frame = bytes(wire.ethernet / packet)
    received = [wire.send(frame[:length]) for length in range(14, len(frame))]
    assert received == [()] * (len(frame) - 14)


def test_random_packets_do_not_stop_the_good_ones(wire: Wire) -> None:
    chance = random.Random(20)
    good = bytes(outer(inner(options=OPTIONS), options=OPTIONS))
    for _ in range(500):
        packet = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        assert set(wire.send(bytes(wire.ethernet) + bytes(packet))) <= set(
            itertools.product(PAYLOADS, range(256))
        )


PAYLOADS = (b"asked",)


def test_maps_hold_the_addresses_that_were_asked_for(wire: Wire) -> None:
    held = (read_endpoints(wire.program), read_vips(wire.program))
    assert held == ((IPAddress(SERVER),), (Served(IPAddress(VIP)),))


def test_second_vip_replaces_the_program_without_a_gap(tmp_path: Path) -> None:
    with network(tmp_path, "director", "server") as (director, server):
        join(director, "eth0", f"{DIRECTOR}/24", server, "eth0", f"{SERVER}/24")
        server.up("--vip", VIP, "--method", "tun", "--decap", "ebpf")
        first = server.inside(program_id)
        server.up("--vip", "192.0.2.2", "--method", "tun", "--decap", "ebpf")
        second = server.inside(program_id)
        assert second != first
        assert read_vips(second) == (Served(IPAddress(VIP)), Served(IPAddress("192.0.2.2")))
