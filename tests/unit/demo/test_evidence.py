# SPDX-License-Identifier: Apache-2.0
"""Logs, counters and captures are read for who asked and which way replies came."""

from __future__ import annotations

import json
import struct
from collections import Counter

import pytest
from netaddr import EUI, IPAddress
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from demo.evidence import Reply, captured_replies, dns_clients, dropped, http_clients, nft_replies

VIP = IPAddress("192.0.2.1")


def test_nginx_logs_are_read_by_client_and_a_line_half_written_is_left() -> None:
    lines = [json.dumps({"client": client}) for client in ("198.51.100.10", "198.51.100.10", "10.0.0.2")]
    assert http_clients("\n".join([*lines, '{"client": "198.'])) == {"198.51.100.10": 2, "10.0.0.2": 1}


def test_dnsmasq_logs_are_read_by_client() -> None:
    log = (
        "Nov 24 06:03:48 dnsmasq[1]: 1 198.51.100.10/48943 query[TXT] whoami.lab from 198.51.100.10\n"
        "Nov 24 06:03:48 dnsmasq[1]: 1 198.51.100.10/48943 config whoami.lab is <TXT>\n"
    )
    assert dns_clients(log) == {"198.51.100.10": 1}


def test_the_routers_counters_are_read_by_who_sent_and_what() -> None:
    element = {
        "val": {"concat": ["02:00:00:00:00:01", "192.0.2.1", "udp", 53]},
        "counter": {"packets": 7, "bytes": 9},
    }
    text = json.dumps({"nftables": [{"metainfo": {}}, {"set": {"elem": [{"elem": element}]}}]})
    assert nft_replies(text) == {Reply(EUI("02:00:00:00:00:01"), VIP, "udp", 53): 7}


def test_a_capture_is_read_by_source_protocol_and_port() -> None:
    packets = [Ether() / IP(src=str(VIP)) / TCP(sport=80)] * 3 + [Ether() / IP(src=str(VIP)) / UDP(sport=53)]
    assert captured_replies(_pcap([bytes(packet) for packet in packets])) == Counter(
        {Reply(None, VIP, "tcp", 80): 3, Reply(None, VIP, "udp", 53): 1}
    )


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("5 packets captured\n7 packets received by filter\n2 packets dropped by kernel\n", 2),
        ("1 packet dropped by kernel\n", 1),
    ],
)
def test_what_tcpdump_missed_is_read_from_its_last_words(said: str, count: int) -> None:
    assert dropped(said) == count


def _pcap(frames: list[bytes]) -> bytes:
    records = (struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames)
    return bytes(24) + b"".join(records)
