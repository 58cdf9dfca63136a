# SPDX-License-Identifier: Apache-2.0
"""A plan holds every step that builds a lab, in an order that works."""

from pathlib import Path

from netaddr import EUI, IPAddress, IPNetwork

from lab import plan
from lab.document import TOPOLOGIES, parse_topology, read_topology
from lab.paths import LabPaths
from lab.topology import Neighbour, Offload, OffloadSetting, Route, Rule, Switch, Sysctl

PATHS = LabPaths(Path("/run/netns-lab"), "t")
PAIR = """
[segment.lan]
mtu = 1400
[node.a]
nameservers = ["10.0.0.53"]
route = [{ to = "default", via = "10.0.0.2", table = 7 }]
rule = [{ from = "10.0.0.1/32", table = 7 }]
neighbour = [{ address = "10.0.0.9", mac = "02:00:00:00:00:09", interface = "lan" }]
[node.a.interface.lan]
addresses = ["10.0.0.1/24"]
mac = "02:00:00:00:00:01"
mtu = 1300
offloads = { tx = false }
[node.a.sysctl]
"net.ipv4.conf.lan.rp_filter" = 2
"net.ipv4.conf.default.rp_filter" = 1
"""


def test_a_plan_is_the_whole_order_of_building() -> None:
    steps = plan.make_plan(parse_topology(PAIR, Path("pair.toml")), PATHS)
    baseline = tuple(plan.SetSysctl("t-a", sysctl) for sysctl in plan.BASELINE)
    assert steps == (
        plan.CreateNamespace("t-a"),
        plan.CreateNamespace("t-lan"),
        *baseline,
        plan.SetSysctl("t-a", Sysctl("net.ipv4.conf.default.rp_filter", "1")),
        plan.SetSysctl("t-lan", Sysctl("net.ipv6.conf.all.disable_ipv6", "1")),
        plan.SetSysctl("t-lan", Sysctl("net.ipv6.conf.default.disable_ipv6", "1")),
        plan.CreateBridge("t-lan", "br0", 1400),
        plan.CreateCable(
            plan.End("t-a", "lan", 1300, EUI("02:00:00:00:00:01")), plan.End("t-lan", "a-lan", 1400, None)
        ),
        plan.AttachToBridge("t-lan", "a-lan", "br0"),
        plan.SetUp("t-lan", "a-lan"),
        plan.SetUp("t-lan", "br0"),
        plan.SetUp("t-a", "lo"),
        plan.SetOffload("t-a", "lan", OffloadSetting(Offload.TX, Switch.OFF)),
        plan.AddAddress("t-a", "lan", IPNetwork("10.0.0.1/24")),
        plan.SetUp("t-a", "lan"),
        plan.SetSysctl("t-a", Sysctl("net.ipv4.conf.lan.rp_filter", "2")),
        plan.AddNeighbour("t-a", Neighbour(IPAddress("10.0.0.9"), EUI("02:00:00:00:00:09"), "lan")),
        plan.AddRoute("t-a", Route(IPNetwork("0.0.0.0/0"), IPAddress("10.0.0.2"), None, 7, None)),
        plan.AddRule("t-a", Rule(IPNetwork("10.0.0.1/32"), None, 7, 1000)),
        plan.FurnishNode(
            node="a",
            namespace="t-a",
            mount=Path("/run/netns-lab/t/mounts/a"),
            run=Path("/run/netns-lab/t/nodes/a/run"),
            resolver=Path("/run/netns-lab/t/nodes/a/resolv.conf"),
            nameservers=(IPAddress("10.0.0.53"),),
        ),
    )


def test_a_cable_joins_two_nodes_without_a_bridge() -> None:
    topology = read_topology(TOPOLOGIES / "one-arm-dr.toml")
    cables = [step for step in plan.make_plan(topology, PATHS) if isinstance(step, plan.CreateCable)]
    assert cables[0] == plan.CreateCable(
        plan.End("t-client", "wan", 1500, None), plan.End("t-router", "wan", 1500, None)
    )


def test_namespaces_of_two_labs_never_share_a_name() -> None:
    topology = read_topology(TOPOLOGIES / "mixed.toml")
    first, second = plan.namespaces(topology, "a"), plan.namespaces(topology, "a-lan")
    assert (len(first), set(first) & set(second)) == (10, set())


def test_services_are_the_last_steps() -> None:
    steps = plan.make_plan(read_topology(TOPOLOGIES / "mixed.toml"), PATHS)
    started = [(step.node, step.service) for step in steps if isinstance(step, plan.StartService)]
    assert started == [
        ("rs1", "nginx"),
        ("rs1", "dnsmasq"),
        ("rs2", "nginx"),
        ("rs2", "dnsmasq"),
        ("rs3", "nginx"),
        ("rs3", "dnsmasq"),
        ("dns", "dnsmasq"),
    ]
    assert all(isinstance(step, plan.StartService) for step in steps[-7:])
