# SPDX-License-Identifier: Apache-2.0
"""The lab's captures are judged rightly: what is wrong is called wrong, and partial is not right."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP, in4_pseudoheader
from scapy.layers.l2 import Ether
from scapy.utils import checksum

from tests.lab import captures

MAC = "02:00:00:00:00:01"
INNER = IP(src="198.51.100.10", dst="192.0.2.1", id=7) / TCP(sport=1000, dport=80, flags="S") / b"body"
DATAGRAM = IP(src="198.51.100.10", dst="192.0.2.1") / UDP(sport=1000, dport=53) / b"body"
OUTER = IP(src="10.0.0.2", dst="10.2.0.11")


def frame(packet: IP) -> captures.Packet:
    """Return a packet as it is found in a frame."""
    found = captures.packet_in(bytes(Ether(src=MAC, dst=MAC) / packet), "lan", MAC)
    assert found is not None
    return found


def partial(packet: IP) -> IP:
    """Return the packet with the checksum that an offload leaves to the receiver."""
    whole = IP(bytes(packet))
    segment = bytes(whole.payload)
    pseudo = in4_pseudoheader(whole.proto, whole, len(segment))
    whole.payload.chksum = ~checksum(pseudo) & 0xFFFF
    return whole


def broken(packet: IP, offset: int) -> IP:
    """Return the packet with one bit flipped."""
    data = bytearray(bytes(packet))
    data[offset] ^= 1
    return IP(bytes(data))


@pytest.mark.parametrize("packet", [INNER, DATAGRAM, OUTER / INNER], ids=["tcp", "udp", "tunnelled"])
def test_a_whole_packet_is_sound(packet: IP) -> None:
    assert (captures.is_sound(frame(packet)), captures.is_sound_or_partial(frame(packet))) == (True, True)


@pytest.mark.parametrize("packet", [INNER, DATAGRAM], ids=["tcp", "udp"])
def test_a_partial_checksum_is_partial_and_not_sound(packet: IP) -> None:
    it = frame(partial(packet))
    assert (captures.is_sound(it), captures.is_sound_or_partial(it)) == (False, True)


@pytest.mark.parametrize("offset", [8, 22, 43], ids=["ttl", "port", "body"])
def test_a_bit_that_flipped_is_found(offset: int) -> None:
    it = frame(broken(INNER, offset))
    assert (captures.is_sound(it), captures.is_sound_or_partial(it)) == (False, False)


@pytest.mark.parametrize("offset", [8, 28], ids=["outer ttl", "inner ttl"])
def test_a_bit_that_flipped_in_a_tunnels_headers_is_found(offset: int) -> None:
    assert captures.is_sound_or_partial(frame(broken(OUTER / INNER, offset))) is False


def test_a_tunnelled_packet_is_known_by_what_is_inside() -> None:
    assert frame(OUTER / INNER).identity == frame(INNER).identity == (6, 1000, 7, 0, 0, "S", b"body")


def test_a_frame_that_is_not_whole_yet_is_left_out() -> None:
    whole = struct.pack("=IIII", 0, 0, 3, 3) + b"abc"
    assert list(captures.frames(bytes(24) + whole + whole[:-1])) == [b"abc"]
