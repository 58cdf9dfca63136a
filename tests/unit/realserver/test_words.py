# SPDX-License-Identifier: Apache-2.0
"""The sentences that a person reads."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress

from realserver.plan import plan
from realserver.settings import Duty, IpipSupport, Method, Tunnels, TunnelType, Wanted
from realserver.words import describe, duty_words, explain
from tests.unit.realserver.simulated import DIRECTOR, OWN, VIP, SimulatedHost, fresh_host

TUN = Duty(Method.TUN, VIP, "eth0", mtu=1500, endpoints=(OWN,), tunnels=Tunnels((TunnelType.IPIP,)))
NAT = Duty(Method.NAT, VIP, "eth0", director=DIRECTOR, source=OWN, table=2000)
IGNORE = "answer ARP only for addresses of the interface that is asked, so never for a VIP on lo"
ANNOUNCE = "never name the VIP as the sender in this host's own ARP requests"
FILTER = "let clients in by an interface that does not lead back to them"


def test_plan_reads_as_sentences() -> None:
    steps = plan(fresh_host(all_rp_filter="1"), Wanted((TUN, NAT)))
    assert [explain(step) for step in steps] == [
        f"set net.ipv4.conf.all.arp_ignore to 1 (was 0): {IGNORE}",
        f"set net.ipv4.conf.all.arp_announce to 2 (was 0): {ANNOUNCE}",
        f"set net.ipv4.conf.eth0.arp_ignore to 1 (was 0): {IGNORE}",
        f"set net.ipv4.conf.eth0.arp_announce to 2 (was 0): {ANNOUNCE}",
        f"set net.ipv4.conf.all.rp_filter to 0 (was 1): {FILTER}",
        "set net.ipv4.conf.default.rp_filter to 1 (was 0)",
        "set net.ipv4.conf.lo.rp_filter to 1 (was 0)",
        "set net.ipv4.conf.eth1.rp_filter to 1 (was 0)",
        "add the clsact hook on eth0",
        "unwrap tunnels at eth0's ingress that end at 10.0.0.2 and hold a packet for 192.0.2.1 (ipip)",
        "add the route to default of table 2000: via 10.0.0.1 dev eth0",
        "change the route to default to via 10.0.0.254 dev eth0 advmss 1440 (was via 10.0.0.254 dev eth0)",
        "change the route to 10.0.0.0/24 to dev eth0 advmss 1440 (was dev eth0)",
        "add the rule 2000: from 10.0.0.2 lookup table 2000",
        "add 192.0.2.1/32 on lo",
    ]  # fmt: skip


def test_kernel_tunnels_read_as_sentences_too() -> None:
    steps = plan(fresh_host(ipip=IpipSupport.LOADABLE), Wanted((TUN,)))
    assert [describe(step) for step in steps if "tunl0" in str(step.key) or "ipip" in str(step.key)] == [
        "load the kernel module ipip (it stays loaded)",
        "set device tunl0 up (was down)",
    ]


def test_undoing_reads_backwards() -> None:
    host = SimulatedHost(fresh_host())
    for step in plan(fresh_host(), Wanted((NAT,))):
        host.apply(step)
    told = [describe(type(step)(step.key, step.after, step.before)) for step in reversed(host.steps)]
    assert told == [
        "remove the rule 2000: from 10.0.0.2 lookup table 2000",
        "remove the route to default of table 2000 (via 10.0.0.1 dev eth0)",
    ]


def test_duties_are_told_with_what_sets_them_apart() -> None:
    any_tunnel = Duty(Method.TUN, VIP, "eth0")
    some = replace(any_tunnel, tunnels=Tunnels((TunnelType.GRE, TunnelType.GUE), 7000))
    duties = (TUN, any_tunnel, some, NAT, Duty(Method.DR, IPAddress("2001:db8::1"), "eth1"))
    assert [duty_words(duty) for duty in duties] == [
        "192.0.2.1 by tun on eth0 (ipip), MTU 1500",
        "192.0.2.1 by tun on eth0",
        "192.0.2.1 by tun on eth0 (gre,gue:7000)",
        "192.0.2.1 by nat on eth0 through 10.0.0.1 for packets from 10.0.0.2",
        "2001:db8::1 by dr on eth1",
    ]
