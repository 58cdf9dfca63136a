# SPDX-License-Identifier: Apache-2.0
"""Fragments leave us at another time than they leave the kernel, and arrive as the same packets."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from tests.interop import parsed
from tests.interop.comparison import able, recorded
from tests.interop.delivery import Delivered, Receiver, read
from tests.interop.exchange import Exchange
from tests.interop.recognised import is_fragment
from tests.interop.recording import Reaction
from tests.interop.replay import Director
from tests.packets.network import ONE, VIP
from tests.packets.transform import fragments_of

# Two packets of one client under one identification at the same time: a receiver can only guess.
AMBIGUOUS = "the same identification again, in another connection, follows that one"
# What comes before its first fragment is the stack's.
OUT_OF_ORDER = "fragments out of order"
FRAGMENTED = [
    (topic, exchange)
    for topic, some in able().items()
    for exchange in some
    if exchange.name != AMBIGUOUS
    and not exchange.name.endswith(OUT_OF_ORDER)
    and any(is_fragment(step) for _, step in exchange.injections())
]


@pytest.mark.parametrize(("topic", "exchange"), FRAGMENTED, ids=[each.name for _, each in FRAGMENTED])
def test_fragments_arrive_as_the_packets_that_the_kernel_sends(topic: str, exchange: Exchange) -> None:
    kernel = delivered(recorded(topic, exchange).reactions)
    ours = delivered(Director(exchange).reactions())
    if any(lacks_checksum(step.frame) for _, step in exchange.injections()):
        kernel = tuple(map(without_checksum, kernel))  # the kernel has the whole datagram and computes one
    assert ours == kernel


def test_the_comparison_knows_a_packet_from_its_fragments() -> None:
    frame = Ether(dst="02:00:00:00:02:11") / IP(src=VIP, dst=ONE, id=7) / UDP(sport=1, dport=2) / (b"x" * 999)
    packet = IP(bytes(frame[IP]))
    pieces = [(4, bytes(Ether(dst=frame.dst) / piece)) for piece in fragments_of(packet, 500)]
    assert len(pieces) == 3
    assert list(Receiver().packets(pieces[:2])) == []
    assert list(Receiver().packets((pieces[2], pieces[0], pieces[1]))) == [(4, frame.dst, bytes(packet))]


def delivered(reactions: tuple[Reaction, ...]) -> tuple[Delivered, ...]:
    receiver = Receiver()
    return tuple(packet for reaction in reactions for packet in receiver.packets(reaction.out))


def lacks_checksum(frame: bytes) -> bool:
    packet = parsed.frame(frame)
    return packet is not None and packet.protocol == 17 and not packet.offset and packet.body[6:8] == b"\0\0"


def without_checksum(packet: Delivered) -> Delivered:
    interface, mac, data = packet
    out = read(data)
    out[UDP].chksum = 0
    return interface, mac, bytes(out)
