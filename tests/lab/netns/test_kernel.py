# SPDX-License-Identifier: Apache-2.0
"""What a topology declares is what the kernel has, of both families."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab, LabError
from lab.kernel import Kernel, RouteState, link_states, route_states
from lab.plan import SetUp
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bridge", "ethtool", "ping")]
EVERYTHING = """
[segment.lan]
mtu = 1400
[segment.wire]
kind = "cable"
mtu = 9000
[node.a]
route = [
    { to = "default", via = "10.0.0.2" },
    { to = "default", via = "fd00::2" },
    { to = "203.0.113.0/24", interface = "lan", advmss = 1200 },
    { to = "default", via = "10.0.0.2", table = 7 },
]
rule = [{ from = "192.0.2.1/32", table = 7 }, { from = "fd00::/64", to = "fd09::/64", table = 7 }]
neighbour = [{ address = "10.0.0.9", mac = "02:00:00:00:00:09", interface = "lan" }]
[node.a.interface.lan]
addresses = ["10.0.0.1/24", "fd00::1/64"]
mac = "02:00:00:00:00:01"
mtu = 1300
offloads = { tx = false, gro = true }
[node.a.interface.wire]
[node.a.sysctl]
"net.ipv4.ip_forward" = 1
"net.ipv4.conf.default.rp_filter" = 1
"net.ipv4.conf.wire.rp_filter" = 2
[node.b.interface.lan]
addresses = ["10.0.0.2/24", "fd00::2/64"]
[node.b.interface.wire]
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    topology = tmp_path_factory.mktemp("topology") / "everything.toml"
    topology.write_text(EVERYTHING)
    with Lab.up(str(topology), f"t{os.getpid()}-kernel") as lab:
        yield lab


def test_interfaces_have_their_addresses_mtu_and_mac(lab: Lab) -> None:
    with Kernel() as kernel:
        links = {link.name: link for link in link_states(kernel, lab.node("a").namespace)}
    seen = {name: (link.state, link.mtu, link.addresses) for name, link in links.items() if name != "lo"}
    assert links["lan"].mac == "02:00:00:00:00:01"
    assert seen == {"lan": ("up", 1300, ("10.0.0.1/24", "fd00::1/64")), "wire": ("up", 9000, ())}


def test_routes_lead_where_the_topology_says(lab: Lab) -> None:
    with Kernel() as kernel:
        routes = route_states(kernel, lab.node("a").namespace)
    table = lab.node("a").output_of(("ip", "route", "show", "table", "7"))
    linked = lab.node("a").output_of(("ip", "route", "show", "203.0.113.0/24"))
    assert routes == (RouteState("default", "10.0.0.2"), RouteState("default", "fd00::2"))
    assert table.split()[:5] == ["default", "via", "10.0.0.2", "dev", "lan"]
    assert "dev lan" in linked
    assert "advmss 1200" in linked


def test_rules_are_there_for_both_families(lab: Lab) -> None:
    rules = [
        rule
        for family in ("-4", "-6")
        for rule in json.loads(lab.node("a").output_of(("ip", family, "-j", "rule")))
        if rule["priority"] == 1000
    ]
    assert rules == [
        {"priority": 1000, "src": "192.0.2.1", "table": "7"},
        {"priority": 1000, "src": "fd00::", "srclen": 64, "dst": "fd09::", "dstlen": 64, "table": "7"},
    ]


def test_offloads_are_switched_and_neighbours_permanent(lab: Lab) -> None:
    features = lab.node("a").output_of(("ethtool", "-k", "lan")).splitlines()
    neighbour = lab.node("a").output_of(("ip", "neigh", "show", "10.0.0.9"))
    assert {"tx-checksumming: off", "generic-receive-offload: on"} <= set(features)
    assert neighbour.split() == ["10.0.0.9", "dev", "lan", "lladdr", "02:00:00:00:00:09", "PERMANENT"]


def test_settings_reach_interfaces_that_exist_and_those_to_come(lab: Lab) -> None:
    keys = ("ip_forward", "conf/lan/rp_filter", "conf/wire/rp_filter", "conf/all/rp_filter")
    values = lab.node("a").output_of(("cat", *(f"/proc/sys/net/ipv4/{key}" for key in keys)))
    assert values.split() == ["1", "1", "2", "0"]


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_a_segment_carries_packets_of_both_families_at_once(lab: Lab, address: str) -> None:
    assert lab.node("a").run(("ping", "-c", "1", "-W", "2", address)).returncode == 0


def test_a_bridge_is_silent_and_outside_the_hosts_namespace(lab: Lab) -> None:
    with Kernel() as kernel:
        links = {link.name: link for link in link_states(kernel, f"{lab.name}-lan")}
    assert (sorted(links), links["br0"].mtu, links["br0"].addresses) == (
        ["a-lan", "b-lan", "br0", "lo"],
        1400,
        (),
    )
    assert not Path("/sys/class/net/br0").exists()


def test_a_refused_step_is_told_with_the_step(lab: Lab) -> None:
    with Kernel() as kernel, pytest.raises(LabError) as raised:
        kernel.apply(SetUp(f"{lab.name}-a", "none"))
    assert str(raised.value) == f"namespace {lab.name}-a: no interface none"
