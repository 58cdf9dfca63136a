# SPDX-License-Identifier: Apache-2.0
"""The walk meets every flow once before it meets one again, and its frames are what they say."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import EUI, IPAddress
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from cost.walk import NOBODY, STATE, Ends, Hop, client, state, step, words

HERE = Hop(EUI("02-00-00-00-00-01"), EUI("02-00-00-00-00-02"))
SERVER = IPAddress("192.0.2.1")
REQUEST, ANSWER = Ends(NOBODY, 0, SERVER, 53), Ends(SERVER, 53, NOBODY, 0)


@given(st.integers(1, 3000))
def test_every_flow_is_met_once_in_a_lap(flows: int) -> None:
    assert {number * step(flows) % flows for number in range(flows)} == set(range(flows))


def test_each_flow_has_a_client_of_its_own() -> None:
    assert client(0) == (IPAddress("198.18.0.0"), 1024)
    assert client((1 << 17) - 1) == (IPAddress("198.19.255.255"), 1024)
    assert client(1 << 17) == (IPAddress("198.18.0.0"), 1025)


@pytest.mark.parametrize("ends", [REQUEST, ANSWER])
def test_the_sums_are_all_that_the_checksums_need_beside_the_client(ends: Ends) -> None:
    frame, flows, stride, at, to_client, ip_sum, udp_sum = struct.unpack(STATE, state(1000, ends, HERE))
    packet = Ether(frame)
    assert (len(frame), flows, stride, at, bool(to_client)) == (64, 1000, step(1000), 0, ends is ANSWER)
    assert (packet[IP].chksum, packet[UDP].chksum) == (0, 0)
    whole = packet.copy()
    del whole[IP].chksum, whole[UDP].chksum
    right = Ether(bytes(whole))
    assert (complement(ip_sum), complement(udp_sum)) == (right[IP].chksum, right[UDP].chksum)


def complement(total: int) -> int:
    """Fold a sum of words as they stand in memory, and give its complement in network order."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int.from_bytes(struct.pack("=H", ~total & 0xFFFF), "big")


def test_words_add_up_as_they_stand() -> None:
    assert words(struct.pack("=2H", 0xFFFF, 2)) == 0x10001
