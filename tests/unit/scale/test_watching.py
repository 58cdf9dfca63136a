# SPDX-License-Identifier: Apache-2.0
"""The frames that knock are what they seem, each of a flow of its own."""

from __future__ import annotations

from ipaddress import IPv4Address

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from scale.watching import PORTS, frame

MAC = bytes.fromhex("020000000001")
VIP = IPv4Address("192.0.2.1")


def flow(number: int) -> tuple[str, int]:
    packet = Ether(frame(MAC, VIP, 80, number))
    return packet[IP].src, packet[UDP].sport


def test_a_frame_goes_to_the_service_and_its_sums_are_right() -> None:
    packet = Ether(frame(MAC, VIP, 80, 7))
    assert (packet.dst, packet[IP].dst, packet[UDP].dport) == ("02:00:00:00:00:01", "192.0.2.1", 80)
    told = packet[IP].chksum
    del packet[IP].chksum
    assert Ether(bytes(packet))[IP].chksum == told


def test_each_number_is_a_flow_of_its_own() -> None:
    numbers = (0, 1, PORTS - 1, PORTS, PORTS + 1)
    assert len({flow(number) for number in numbers}) == len(numbers)
    assert flow(PORTS)[0] == "10.1.0.11"
