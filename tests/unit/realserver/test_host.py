# SPDX-License-Identifier: Apache-2.0
"""The host: each kind of step is taken in a real namespace, seen there, and taken back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from netaddr import IPAddress, IPNetwork
from pyroute2 import IPRoute, netns

from realserver import bpf
from realserver.errors import HostError
from realserver.host import Host
from realserver.settings import (
    ABSENT,
    PRESENT,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    Hop,
    LinkKey,
    LinkState,
    ModuleKey,
    Route,
    RouteKey,
    RuleKey,
    Served,
    Step,
    SysctlKey,
)
from tests.needs import needs

pytestmark = needs("root", "netns", "veth", "bpf", "clsact")

OWN, PEER = IPAddress("10.0.0.2"), IPAddress("10.0.0.1")
OWN6, PEER6 = IPAddress("2001:db8:0:1::2"), IPAddress("2001:db8:0:1::1")
NODAD = 2
NAME = f"rshost{os.getpid()}"


@pytest.fixture
def host() -> Iterator[Host]:
    """Enter a namespace with an interface and an address, and open the host there."""
    netns.create(NAME)
    netns.pushns(NAME)
    try:
        Path("/proc/sys/net/ipv6/conf/default/addr_gen_mode").write_text("1")  # no address settles by and by
        lay_cable()
        with Host() as opened:
            yield opened
    finally:
        netns.popns()
        netns.remove(NAME)


def lay_cable() -> None:
    with IPRoute() as ip:
        ip.link("add", ifname="eth0", kind="veth", peer={"ifname": "peer"})
        (index,) = ip.link_lookup(ifname="eth0")
        ip.addr("add", index=index, address=str(OWN), prefixlen=24)
        ip.addr("add", index=index, address=str(OWN6), prefixlen=64, flags=NODAD)
        for name in ("peer", "eth0", "lo"):
            ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")


ONE, TWO = (Hop(IPAddress(f"10.0.0.{number}"), "eth0", number) for number in (1, 7))
STEPS = (
    Step(SysctlKey("ipv4", "eth0", "rp_filter"), "0", "2"),
    Step(ClsactKey("eth0"), ABSENT, PRESENT),
    Step(AddressKey("lo", IPAddress("192.0.2.1"), 32), ABSENT, PRESENT),
    Step(AddressKey("lo", IPAddress("2001:db8::1"), 128), ABSENT, PRESENT),
    Step(RuleKey(OWN, 2000, 2000), ABSENT, PRESENT),
    Step(RuleKey(IPAddress("2001:db8::2"), 2000, 2000), ABSENT, PRESENT),
    Step(RouteKey(254, IPNetwork("0.0.0.0/0"), 0), ABSENT, Route(PEER, "eth0")),
    Step(RouteKey(254, IPNetwork("::/0"), 1), ABSENT, Route(PEER6, "eth0")),
    Step(RouteKey(2000, IPNetwork("0.0.0.0/0"), 9), ABSENT, Route(PEER, "eth0", metrics=(("advmss", 1440),))),
    Step(RouteKey(254, IPNetwork("10.9.0.0/16"), 5, 8), ABSENT, Route(None, "", hops=(ONE, TWO))),
    Step(
        RouteKey(254, IPNetwork("10.0.0.0/24"), 0),
        Route(None, "eth0", source=OWN, protocol=2, scope=253),
        Route(None, "eth0", source=OWN, protocol=2, scope=253, metrics=(("advmss", 1440), ("initcwnd", 20))),
    ),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.key)[:60])
def test_step_is_taken_seen_and_taken_back(host: Host, step: Step) -> None:
    before = host.observe()
    assert before.get(step.key) == step.before
    host.apply(step)
    assert host.observe().get(step.key) == step.after
    host.apply(replace(step, before=step.after, after=step.before))
    assert host.observe() == before


def test_program_is_attached_seen_by_its_name_replaced_and_removed(host: Host) -> None:
    before = host.observe()
    host.apply(Step(ClsactKey("eth0"), ABSENT, PRESENT))
    for vip in ("192.0.2.1", "192.0.2.2"):
        decap = Decap.of((OWN,), (Served(IPAddress(vip)),))
        host.apply(Step(DecapKey("eth0"), ABSENT, decap))
        assert host.observe().get(DecapKey("eth0")) == decap
    assert host.observe().shared_clsact == frozenset()
    host.apply(Step(DecapKey("eth0"), decap, ABSENT))
    host.apply(Step(ClsactKey("eth0"), PRESENT, ABSENT))
    assert host.observe() == before
    with pytest.raises(HostError, match="no unwrapping program is on eth0"):
        host.decap_program("eth0")


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_filters_of_others_on_the_same_hook_are_seen(host: Host, direction: str) -> None:
    host.apply(Step(ClsactKey("eth0"), ABSENT, PRESENT))
    parent = 0xFFFFFFF2 if direction == "ingress" else 0xFFFFFFF3
    with IPRoute() as ip, bpf.loaded_decap((), ()) as program:
        index = ip.link_lookup(ifname="eth0")[0]
        ip.tc(
            "add-filter", "bpf", index, parent=parent, fd=program, name="other", prio=5, protocol=3, classid=1
        )
    assert host.observe().shared_clsact == frozenset({"eth0"})


def test_device_is_set_up_and_down(host: Host) -> None:
    for state, is_up in ((LinkState.DOWN, False), (LinkState.UP, True)):
        host.apply(Step(LinkKey("peer"), ABSENT, state))
        interface = host.observe().interface("peer")
        assert interface is not None
        assert interface.is_up is is_up


REFUSED = (
    (Step(ModuleKey("gone"), ABSENT, PRESENT), "the kernel could not load its module gone: use --decap ebpf"),
    (Step(LinkKey("gone"), LinkState.DOWN, LinkState.UP), "interface gone does not exist on this host"),
    (Step(AddressKey("lo", PEER, 32), PRESENT, ABSENT), "could not remove 10.0.0.1/32 on lo: Cannot assign"),
    (Step(SysctlKey("ipv4", "gone", "rp_filter"), "0", "1"),
     "could not set net.ipv4.conf.gone.rp_filter to 1 (was 0): No such file or directory"),
)  # fmt: skip


@pytest.mark.parametrize(("step", "says"), REFUSED, ids=[says[:40] for _, says in REFUSED])
def test_refusal_of_the_kernel_is_told_in_words(host: Host, step: Step, says: str) -> None:
    with pytest.raises(HostError) as refused:
        host.apply(step)
    assert str(refused.value).startswith(says)
