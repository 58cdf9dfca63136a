# SPDX-License-Identifier: Apache-2.0
"""`realserver check` in real namespaces: a right set-up passes, and what is put wrong is told in words."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.realserver_network import Node, join, network
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bpf", "clsact", "tun", "bridge", "ip", "tc")]

VIP = "192.0.2.1"
DR = ("--vip", VIP, "--method", "dr", "--director", "10.0.0.1")
TUN = ("--vip", VIP, "--method", "tun", "--director", "10.0.0.1", "--decap", "ebpf")
NAT = ("--vip", VIP, "--method", "nat", "--director", "10.0.0.1")


@dataclass(frozen=True, slots=True)
class Segment:
    """A director that holds the VIP, and two servers, on one bridge."""

    director: Node
    server: Node
    neighbour: Node


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    with network(tmp_path, "bridge", "director", "server", "neighbour") as (bridge, *nodes):
        bridge.ip("link", "add", "br0", "type", "bridge")
        bridge.ip("link", "set", "br0", "up")
        for number, node in enumerate(nodes, 1):
            join(node, "eth0", f"10.0.0.{number}/24", bridge, f"port{number}", f"10.9.{number}.1/24")
            bridge.ip("link", "set", f"port{number}", "master", "br0")
        segment = Segment(*nodes)
        segment.director.ip("address", "add", f"{VIP}/32", "dev", "eth0")
        segment.server.ip("route", "add", "default", "via", "10.0.0.1")
        yield segment


STRICT = (
    "problem: rp_filter is 1 on eth0 (the larger of its own 0 and `all`'s 1): it drops clients that are not "
    "routed back that way"
)


@dataclass(frozen=True)
class Sabotage:
    says: str
    up: tuple[str, ...]
    commands: tuple[str, ...]
    findings: tuple[str, ...]


SABOTAGES = (
    Sabotage(
        "a VIP that is gone, and lo with it", DR,
        ("ip address delete 192.0.2.1/32 dev lo", "ip link set lo down"),
        ("problem: lo is down, and the VIP with it",
         "problem: 192.0.2.1 is not on lo, so this host refuses its packets"),
    ),
    Sabotage(
        "a VIP in more places, and settings that win by being larger", DR,
        ("ip address add 192.0.2.1/32 dev eth0", "ip address add 192.0.2.1/24 dev lo",
         "sysctl -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.all.arp_ignore=3",
         "sysctl -w net.ipv4.conf.all.arp_announce=0 net.ipv4.conf.eth0.arp_announce=1"),
        ("problem: 192.0.2.1/24 on lo makes the whole network local",
         "problem: 192.0.2.1 is on eth0 too, where ARP answers for it",
         STRICT,
         "problem: arp_ignore lets eth0 answer ARP for 192.0.2.1",
         "problem: arp_announce lets eth0 name 192.0.2.1 in its own ARP requests",
         "problem: asked for 192.0.2.1 with eth0's settings, this kernel answers"),
    ),
    Sabotage(
        "an unwrapping program that is gone, a smaller MTU, and a default route that came back", TUN,
        ("tc filter delete dev eth0 ingress", "ip link set eth0 mtu 1400",
         "ip route replace default via 10.0.0.1"),
        ("problem: nothing unwraps tunnels on eth0",
         "problem: the route to default tells clients an MSS of 1360, and 1320 is what fits the tunnel",
         "problem: the route to 10.0.0.0/24 tells clients an MSS of 1420, and 1320 is what fits the tunnel"),
    ),
    Sabotage(
        "an endpoint that is gone", (*TUN, "--mtu", "9000"),
        ("ip address delete 10.0.0.2/24 dev eth0", "ip address add 10.0.0.7/24 dev eth0",
         "ip route replace default via 10.0.0.1"),
        ("problem: tunnels are to end at 10.0.0.2, which is no address of this host",
         "problem: --mtu 9000 is more than eth0's own 1500"),
    ),
    Sabotage(
        "a default route by somebody else", NAT, ("ip route replace default via 10.0.0.3",),
        ("problem: the default route goes through 10.0.0.3, so replies bypass director 10.0.0.1",),
    ),
    Sabotage(
        "a rule that is gone, and its table's route", (*NAT, "--source", "10.0.0.2"),
        ("ip rule delete pref 2000", "ip route delete default table 2000"),
        ("problem: the default route of table 2000 is missing, so replies bypass director 10.0.0.1",
         "problem: no rule sends packets from 10.0.0.2 to table 2000"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.says)
def test_all_that_is_wrong_is_told_at_once(segment: Segment, sabotage: Sabotage) -> None:
    segment.server.up(*sabotage.up)
    for command in sabotage.commands:
        done = segment.server.execute(*command.split())
        assert done.returncode == 0, done.stderr
    assert segment.server.findings() == list(sabotage.findings)


def test_neighbour_that_answers_for_the_vip_is_found_by_its_mac(segment: Segment) -> None:
    segment.server.up(*DR)
    segment.neighbour.ip("address", "add", f"{VIP}/32", "dev", "lo")
    mac = segment.neighbour.mac("eth0")
    found = f"problem: {mac} on eth0's segment answers ARP for 192.0.2.1, and is not the director"
    assert segment.server.findings() == [found]
    assert segment.director.findings("--ask", VIP, "--interface", "eth0") == [found]
    segment.neighbour.up(*DR)
    assert segment.server.findings() == []
    assert segment.director.findings("--ask", VIP, "--interface", "eth0") == []


def test_two_answerers_are_too_many_even_when_the_director_is_unknown(segment: Segment) -> None:
    segment.neighbour.ip("address", "add", f"{VIP}/32", "dev", "lo")
    macs = ", ".join(sorted(node.mac("eth0") for node in (segment.director, segment.neighbour)))
    assert segment.server.findings("--ask", VIP) == [
        f"problem: 2 machines on eth0's segment answer ARP for 192.0.2.1: {macs}"
    ]


def test_director_that_is_not_there_is_told(segment: Segment) -> None:
    segment.server.up("--vip", VIP, "--method", "dr", "--director", "10.0.0.99")
    assert segment.server.findings() == ["problem: director 10.0.0.99 does not answer ARP on eth0's segment"]


def test_service_must_listen_where_the_vip_is(segment: Segment) -> None:
    segment.server.up(*DR, "--port", "tcp/80", "--port", "udp/53")
    nobody = ["problem: nobody listens on tcp/80", "problem: nobody listens on udp/53"]
    assert segment.server.findings() == nobody
    with segment.server.inside(lambda: socket.create_server(("10.0.0.2", 80))):
        elsewhere = "problem: tcp/80 is listened on at 10.0.0.2 only, not at 192.0.2.1"
        assert segment.server.findings() == [elsewhere, nobody[1]]
    with (
        segment.server.inside(lambda: socket.create_server(("", 80))),
        segment.server.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as names,
    ):
        names.bind(("::", 53))
        assert segment.server.findings() == []


def test_set_up_by_hand_passes_without_any_memory(segment: Segment) -> None:
    for name, value in (("arp_ignore", "1"), ("arp_announce", "2")):
        segment.server.set(f"ipv4/conf/all/{name}", value)
    segment.server.ip("address", "add", f"{VIP}/32", "dev", "lo")
    assert segment.server.findings(*DR) == []


def test_check_leaves_nothing_behind(segment: Segment) -> None:
    segment.server.up(*DR)
    before = segment.server.snapshot()
    segment.server.findings()
    assert segment.server.snapshot() == before


def test_check_says_what_it_found_right(segment: Segment) -> None:
    segment.server.up(*DR)
    done = segment.server.realserver("check")
    assert (done.returncode, done.stdout) == (0, "all right: 192.0.2.1 by dr on eth0\n")
    told = json.loads(segment.server.realserver("check", "--json").stdout)
    assert told == {"ok": True, "checked": ["192.0.2.1 by dr on eth0"], "findings": []}
