# SPDX-License-Identifier: Apache-2.0
"""What went over the wires of a lab: captures at nodes, their packets, and whether the checksums are right.

Captures are read while they run as well as after. A tunnelled packet is looked at from inside; `outer` is
what it was wrapped in. Knows the wire alone, and nothing of the director.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum

from scapy.layers.inet import ICMP, IP, TCP, UDP, in4_chksum, in4_pseudoheader
from scapy.layers.l2 import Ether
from scapy.utils import checksum

from lab import Capture, Lab, RunningNode


class Frames(Enum):
    """How large frames may be that are captured: tcpdump's options. It has room for a thousand large ones."""

    ANY = ("-s", "65600", "-B", "65536")  # a super-frame's length, and 64 MiB
    OF_WIRE_SIZE = ("-s", "2048", "-B", "16384")


PCAP_HEADER, RECORD_HEADER = 24, 16
CHECKSUM_OFFSETS = {6: 16, 17: 6}
MORE_FRAGMENTS, OFFSET_MASK = 1, 0x1FFF
Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Packet:
    """An IPv4 packet in a frame that was captured on an interface, `mac` being that interface's address."""

    interface: str
    mac: str
    frame: Ether
    outer: IP
    ip: IP

    @property
    def source(self) -> str:
        return str(self.ip.src)

    @property
    def destination(self) -> str:
        return str(self.ip.dst)

    @property
    def to_host(self) -> bool:
        """Say whether the frame is for the node, and not one that the bridge only flooded to it."""
        return bool(self.frame.dst == self.mac)

    @property
    def from_host(self) -> bool:
        return bool(self.frame.src == self.mac)

    @property
    def flow(self) -> tuple[int, int]:
        """Return protocol and port, which tell a client's connections apart by whatever method they go."""
        return int(self.ip.proto), int(self.ip.payload.sport)

    @property
    def identity(self) -> Identity:
        """Return what forwarding must not change, by any method."""
        above = self.ip.payload
        told = (above.seq, above.ack, str(above.flags)) if isinstance(above, TCP) else ()
        return (*self.flow, int(self.ip.id), *told, bytes(above.payload))

    @property
    def is_reset(self) -> bool:
        return TCP in self.ip and "R" in self.ip[TCP].flags

    @property
    def is_icmp(self) -> bool:
        return ICMP in self.ip

    def __str__(self) -> str:
        return f"{self.interface}: {self.frame.summary()}"


@dataclass(frozen=True, slots=True)
class Seen:
    """The captures on a node's interfaces."""

    captures: tuple[tuple[str, str, Capture], ...]

    def packets(self) -> list[Packet]:
        """Return what was captured so far, interface by interface."""
        return [
            packet
            for interface, mac, capture in self.captures
            for frame in frames(capture.path.read_bytes())
            if (packet := packet_in(frame, interface, mac)) is not None
        ]


@contextmanager
def at(node: RunningNode, packets: str, size: Frames = Frames.ANY) -> Iterator[Seen]:
    """Capture on each of a node's interfaces; `packets` is tcpdump's filter. Nothing may have been missed."""
    with ExitStack() as stack:
        seen = Seen(tuple(_capture(node, leg.name, packets, size, stack) for leg in node.noun.interfaces))
        yield seen
    _assert_complete(seen)


def _assert_complete(seen: Seen) -> None:
    for _interface, _mac, capture in seen.captures:
        assert "\n0 packets dropped by kernel" in capture.log.read_text()


def _capture(
    node: RunningNode, interface: str, packets: str, size: Frames, stack: ExitStack
) -> tuple[str, str, Capture]:
    capture = stack.enter_context(node.capture(interface, packets, options=size.value))
    return interface, mac_address(node, interface), capture


@contextmanager
def before(lab: Lab, node: str, packets: str, size: Frames = Frames.ANY) -> Iterator[Seen]:
    """Capture what comes to a node and goes from it, at the other ends of its wires.

    There all is seen, whatever carries it; captures at the node show nothing of what an XDP program does.
    """
    legs = lab.node(node).noun.interfaces
    with ExitStack() as stack:
        seen = Seen(tuple(_capture_before(lab, node, leg.name, packets, size, stack) for leg in legs))
        yield seen
    _assert_complete(seen)


def _capture_before(
    lab: Lab, node: str, interface: str, packets: str, size: Frames, stack: ExitStack
) -> tuple[str, str, Capture]:
    owner, port = lab.far_end(node, interface)
    capture = stack.enter_context(owner.capture(port, packets, options=size.value))
    return interface, mac_address(lab.node(node), interface), capture


@contextmanager
def on_each(
    nodes: Sequence[RunningNode], packets: str, size: Frames = Frames.ANY
) -> Iterator[tuple[Seen, ...]]:
    """Capture on several nodes."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(at(node, packets, size)) for node in nodes)


def mac_address(node: RunningNode, interface: str) -> str:
    [link] = json.loads(node.output_of(("ip", "-j", "link", "show", "dev", interface)))
    return str(link["address"])


def frames(pcap: bytes) -> Iterator[bytes]:
    """Read the whole frames of a pcap file of this machine's byte order; a last one cut short is left out."""
    offset = PCAP_HEADER
    while offset + RECORD_HEADER <= len(pcap):
        captured, length = struct.unpack_from("=II", pcap, offset + 8)
        assert captured == length, "a frame was cut off"
        offset += RECORD_HEADER
        if offset + captured <= len(pcap):
            yield pcap[offset : offset + captured]
        offset += captured


def packet_in(frame: bytes, interface: str, mac: str) -> Packet | None:
    """Find the IPv4 packet in a frame, the inner one of a tunnel's; None when there is none."""
    ether = Ether(frame)
    if not isinstance(ether.payload, IP):
        return None
    outer = ether.payload
    inner = outer.payload if isinstance(outer.payload, IP) else outer
    return Packet(interface, mac, ether, outer, inner)


def is_sound(packet: Packet) -> bool:
    """Say whether all checksums are right, filled in."""
    return _headers_are_right(packet) and _transport(packet) in {0, None}


def is_sound_or_partial(packet: Packet) -> bool:
    """Say whether all checksums are right, or partial: the pseudo-header's sum, as an offload leaves it.

    A partial checksum stands in frames between virtual interfaces; only the innermost may be partial.
    """
    return _headers_are_right(packet) and (_transport(packet) in {0, None} or _is_partial(packet))


def _headers_are_right(packet: Packet) -> bool:
    return all(checksum(bytes(ip)[: ip.ihl * 4]) == 0 for ip in (packet.outer, packet.ip))


def _segment(packet: Packet) -> bytes | None:
    """Return the bytes that the transport's checksum is about; None where there is no such checksum."""
    ip = packet.ip
    if ip.proto not in CHECKSUM_OFFSETS or int(ip.flags) & MORE_FRAGMENTS or ip.frag & OFFSET_MASK:
        return None
    segment = bytes(ip)[ip.ihl * 4 : ip.len]
    if UDP in ip and ip[UDP].chksum == 0:
        return None
    return segment


def _transport(packet: Packet) -> int | None:
    """Return the checksum over segment and checksum together, which is 0 where it is right."""
    segment = _segment(packet)
    return None if segment is None else int(in4_chksum(packet.ip.proto, packet.ip, segment))


def _is_partial(packet: Packet) -> bool:
    segment = _segment(packet)
    assert segment is not None
    (stored,) = struct.unpack_from("!H", segment, CHECKSUM_OFFSETS[packet.ip.proto])
    pseudo = in4_pseudoheader(packet.ip.proto, packet.ip, len(segment))
    return bool(stored == ~checksum(pseudo) & 0xFFFF)
