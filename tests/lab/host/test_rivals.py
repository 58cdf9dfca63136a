# SPDX-License-Identifier: Apache-2.0
"""What else handles packets on a host is found."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from netaddr import IPAddress

from director.host import rivals
from director.model import Protocol, ServiceKey
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "nft"), pytest.mark.lab]
IP_VS = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 wlc
  -> 0A000002:0050      Route   1      0          0
UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr
FWM  00000007 rr
"""


def test_forwarding_is_read(joined: Segment) -> None:
    found = []
    for value in ("0", "1"):
        subprocess.run(["sysctl", "-qw", f"net.ipv4.ip_forward={value}"], check=True)
        found.append(rivals.forwards())
    assert found == [False, True]


def test_how_strict_lo_is_the_larger_switch_says(joined: Segment) -> None:
    found = {}
    for everywhere, own in ((0, 0), (0, 1), (1, 0), (1, 2), (2, 1)):
        subprocess.run(["sysctl", "-qw", f"net.ipv4.conf.all.rp_filter={everywhere}"], check=True)
        subprocess.run(["sysctl", "-qw", f"net.ipv4.conf.lo.rp_filter={own}"], check=True)
        found[everywhere, own] = rivals.lo_is_strict()
    assert found == {(0, 0): False, (0, 1): True, (1, 0): True, (1, 2): False, (2, 1): False}


def test_tables_whose_rules_an_ipv4_packet_meets_are_named(joined: Segment) -> None:
    assert rivals.packet_filters() == ()
    for table in ("ip one", "inet two", "netdev three", "ip6 four", "bridge five", "arp six"):
        subprocess.run(["nft", "add", "table", *table.split()], check=True)
    assert sorted(rivals.packet_filters()) == [
        "nftables inet two",
        "nftables ip one",
        "nftables netdev three",
    ]


def test_sockets_bound_to_one_address_are_listed(joined: Segment) -> None:
    with (
        socket.create_server(("10.0.0.1", 80)),
        socket.create_server(("", 81)),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names,
        socket.socket() as idle,
    ):
        names.bind(("10.0.0.1", 53))
        idle.bind(("10.0.0.1", 82))
        address = IPAddress("10.0.0.1")
        assert rivals.listeners() == {
            ServiceKey(Protocol.TCP, address, 80),
            ServiceKey(Protocol.UDP, address, 53),
        }


def test_services_of_the_kernels_balancer_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "NET", tmp_path)
    assert rivals.kernel_services() == frozenset()
    (tmp_path / "ip_vs").write_text(IP_VS)
    assert rivals.kernel_services() == {
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80),
        ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53),
    }
