# SPDX-License-Identifier: Apache-2.0
"""Plans: what each method asks of a host, and that whatever happens, undoing leaves the host as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import IPAddress, IPNetwork

from realserver.errors import WantedError
from realserver.plan import merge, plan
from realserver.settings import (
    ABSENT,
    PRESENT,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    Decapsulation,
    Duty,
    HostState,
    IpipSupport,
    LedgerEntry,
    LinkKey,
    LinkState,
    Method,
    ModuleKey,
    Route,
    RouteKey,
    RuleKey,
    Served,
    Step,
    SysctlKey,
    Tunnels,
    TunnelType,
    Wanted,
)
from tests.unit.realserver.simulated import (
    ANYWHERE,
    CONNECTED,
    DEFAULT,
    DIRECTOR,
    GATEWAY,
    ON_LINK,
    OTHER_DIRECTOR,
    OTHER_VIP,
    OWN,
    VIP,
    VIP6,
    fresh_host,
    loaded_host,
)

DR = Duty(Method.DR, VIP, "eth0")
TUN = Duty(Method.TUN, VIP, "eth0", endpoints=(OWN,), tunnels=Tunnels((TunnelType.IPIP,)))
ANY = Duty(Method.TUN, VIP, "eth0")
OWN6 = IPAddress("2001:db8:0:1::2")
NAT = Duty(Method.NAT, VIP, "eth0", director=DIRECTOR)
BY_SOURCE = replace(NAT, source=OWN, table=2000)

OLD_DEFAULT = Route(GATEWAY, "eth0", protocol=3)
TO_DIRECTOR = Route(DIRECTOR, "eth0")


def sysctl(where: str, name: str, before: str, after: str) -> Step:
    return Step(SysctlKey("ipv4", where, name), before, after)


SILENCE = (
    sysctl("all", "arp_ignore", "0", "1"),
    sysctl("all", "arp_announce", "0", "2"),
    sysctl("eth0", "arp_ignore", "0", "1"),
    sysctl("eth0", "arp_announce", "0", "2"),
)
BIND = Step(AddressKey("lo", VIP, 32), ABSENT, PRESENT)
UNWRAP = (
    Step(ClsactKey("eth0"), ABSENT, PRESENT),
    Step(DecapKey("eth0"), ABSENT, Decap.of((OWN,), (Served(VIP, TUN.tunnels),))),
)
DEFAULT6 = RouteKey(254, IPNetwork("::/0"), 1024)
OLD_DEFAULT6 = Route(IPAddress("2001:db8:0:1::ff"), "eth0", protocol=3)
SMALL_SEGMENTS = (
    Step(DEFAULT, OLD_DEFAULT, OLD_DEFAULT.with_advmss(1440)),
    Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1440)),
)


def with_ipv6_default(have: HostState) -> HostState:
    return replace(have, settings={**have.settings, DEFAULT6: OLD_DEFAULT6})


@dataclass(frozen=True)
class Case:
    says: str
    have: HostState
    duties: tuple[Duty, ...]
    steps: tuple[Step, ...]


CASES = (
    Case("nothing wanted is nothing done", fresh_host(), (), ()),
    Case("dr silences ARP before it binds the VIP", fresh_host(), (DR,), (*SILENCE, BIND)),
    Case(
        "an IPv6 VIP is bound and nothing else: neighbour discovery does not answer for lo",
        fresh_host(), (replace(DR, vip=VIP6),), (Step(AddressKey("lo", VIP6, 128), ABSENT, PRESENT),),
    ),
    Case(
        "stricter ARP settings are kept",
        fresh_host(all_arp_ignore="2", eth0_arp_ignore="8", all_arp_announce="2", eth0_arp_announce="2"),
        (DR,), (BIND,),
    ),
    Case(
        "an arp_ignore that would answer for lo is replaced",
        fresh_host(all_arp_ignore="3", eth0_arp_ignore="1", all_arp_announce="2", eth0_arp_announce="2"),
        (DR,), (sysctl("all", "arp_ignore", "3", "1"), BIND),
    ),
    Case(
        "rp_filter goes from all and the interface, and the others stay as strict",
        fresh_host(all_rp_filter="1", eth0_rp_filter="2", eth1_rp_filter="2"), (DR,),
        (*SILENCE, sysctl("all", "rp_filter", "1", "0"), sysctl("default", "rp_filter", "0", "1"),
         sysctl("lo", "rp_filter", "0", "1"), sysctl("eth0", "rp_filter", "2", "0"), BIND),
    ),
    Case(
        "tun also unwraps by the tool's program and tells clients a smaller segment",
        fresh_host(), (TUN,), (*SILENCE, *UNWRAP, *SMALL_SEGMENTS, BIND),
    ),
    Case(
        "--mtu sets the segment size",
        fresh_host(), (replace(TUN, mtu=1400),),
        (*SILENCE, *UNWRAP, Step(DEFAULT, OLD_DEFAULT, OLD_DEFAULT.with_advmss(1340)),
         Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1340)), BIND),
    ),
    Case(
        "tun uses the kernel's tunnel device where there is one",
        loaded_host(fresh_host()), (TUN,),
        (*SILENCE, Step(LinkKey("tunl0"), LinkState.DOWN, LinkState.UP), *SMALL_SEGMENTS, BIND),
    ),
    Case(
        "tun loads the module where the kernel has one, and frees its device from a filter it inherits",
        fresh_host(ipip=IpipSupport.LOADABLE, default_rp_filter="2"), (TUN,),
        (Step(ModuleKey("ipip"), ABSENT, PRESENT), *SILENCE, sysctl("tunl0", "rp_filter", "2", "0"),
         Step(LinkKey("tunl0"), LinkState.DOWN, LinkState.UP), *SMALL_SEGMENTS, BIND),
    ),
    Case(
        "--decap ebpf does without the module",
        fresh_host(ipip=IpipSupport.LOADABLE), (replace(TUN, decapsulation=Decapsulation.EBPF),),
        (*SILENCE, *UNWRAP, *SMALL_SEGMENTS, BIND),
    ),
    Case(
        "tun without a word of the tunnel unwraps them all, and leaves room for the largest",
        fresh_host(), (ANY,),
        (*SILENCE, UNWRAP[0], Step(DecapKey("eth0"), ABSENT, Decap.of((OWN, OWN6), (Served(VIP),))),
         Step(DEFAULT, OLD_DEFAULT, OLD_DEFAULT.with_advmss(1420)),
         Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1420)), BIND),
    ),
    Case(
        "the kernel's device does what it can, and the program all else",
        loaded_host(fresh_host()), (replace(ANY, endpoints=(OWN,)),),
        (*SILENCE, Step(LinkKey("tunl0"), LinkState.DOWN, LinkState.UP), UNWRAP[0],
         Step(DecapKey("eth0"), ABSENT, Decap.of((OWN,), (Served(VIP),))),
         Step(DEFAULT, OLD_DEFAULT, OLD_DEFAULT.with_advmss(1420)),
         Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1420)), BIND),
    ),
    Case(
        "--decap kernel does what it can alone",
        loaded_host(fresh_host()), (replace(ANY, decapsulation=Decapsulation.KERNEL),),
        (*SILENCE, Step(LinkKey("tunl0"), LinkState.DOWN, LinkState.UP), *SMALL_SEGMENTS, BIND),
    ),
    Case(
        "an IPv6 VIP behind a tunnel is bound, unwrapped for, and has a segment size of its own",
        with_ipv6_default(fresh_host()), (replace(ANY, vip=VIP6),),
        (UNWRAP[0], Step(DecapKey("eth0"), ABSENT, Decap.of((OWN, OWN6), (Served(VIP6),))),
         Step(DEFAULT6, OLD_DEFAULT6, OLD_DEFAULT6.with_advmss(1380)),
         Step(AddressKey("lo", VIP6, 128), ABSENT, PRESENT)),
    ),
    Case("nat replaces the default route", fresh_host(), (NAT,), (Step(DEFAULT, OLD_DEFAULT, TO_DIRECTOR),)),
    Case(
        "nat with --source leaves the default route alone",
        fresh_host(), (BY_SOURCE,),
        (Step(RouteKey(2000, ANYWHERE, 0), ABSENT, TO_DIRECTOR),
         Step(RuleKey(OWN, 2000, 2000), ABSENT, PRESENT)),
    ),
    Case(
        "tun and nat together give the director's route the smaller segment too",
        fresh_host(), (TUN, NAT),
        (*SILENCE, *UNWRAP, Step(DEFAULT, OLD_DEFAULT, TO_DIRECTOR.with_advmss(1440)),
         Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1440)), BIND),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_plan_lists_exactly_the_changes_that_are_missing(case: Case) -> None:
    assert plan(case.have, Wanted(case.duties)) == case.steps


@dataclass(frozen=True)
class Refusal:
    duties: tuple[Duty, ...]
    says: str


REFUSALS = (
    Refusal(
        (replace(DR, interface="eth9"),), "interface eth9 (for VIP 192.0.2.1) does not exist on this host"
    ),
    Refusal((replace(DR, vip=IPAddress("224.0.0.1")),), "VIP 224.0.0.1 is not a unicast address"),
    Refusal(
        (replace(DR, vip=IPAddress("10.1.0.2")),),
        "VIP 10.1.0.2 is already an address of eth1, which answers for it: give the service's VIP, "
        "or `ip address del 10.1.0.2/24 dev eth1` first",
    ),
    Refusal(
        (replace(TUN, vip=IPAddress("10.1.0.2")),),
        "VIP 10.1.0.2 is already an address of eth1, which answers for it: give the service's VIP, "
        "or `ip address del 10.1.0.2/24 dev eth1` first",
    ),
    Refusal((replace(TUN, vip=IPAddress("ff02::1")),), "VIP ff02::1 is not a unicast address"),
    Refusal((replace(TUN, mtu=100),), "an MTU of 100 leaves no room for a tunnel"),
    Refusal(
        (replace(TUN, decapsulation=Decapsulation.KERNEL),),
        "this kernel has no ipip device: use --decap ebpf",
    ),
    Refusal(
        (replace(NAT, director=None),),
        "--method nat needs --director ADDRESS: replies must go back through it",
    ),
    Refusal(
        (replace(NAT, director=VIP6),), "director 2001:db8::1 and VIP 192.0.2.1 are of different families"
    ),
    Refusal((replace(NAT, director=VIP),), "director 192.0.2.1 is on no network of interface eth0"),
    Refusal((replace(NAT, director=OWN),), "director 10.0.0.2 is this host's own address"),
    Refusal((replace(NAT, source=GATEWAY, table=5),), "source 10.0.0.254 is no address of this host"),
    Refusal(
        (NAT, replace(NAT, vip=OTHER_VIP, director=OTHER_DIRECTOR, interface="eth1")),
        "two directors, 10.0.0.1 and 10.1.0.1, for the default route of table 254: give --source "
        "ADDRESS and a --table of its own to one of them",
    ),
)


KERNELS_ONLY = "the kernel's device unwraps IPv4 in IPv4 only (--tunnel ipip): use --decap ebpf for all else"
BY_THE_KERNEL = replace(ANY, decapsulation=Decapsulation.KERNEL)


@pytest.mark.parametrize(
    "duty",
    [
        replace(BY_THE_KERNEL, tunnels=Tunnels((TunnelType.GRE,))),
        replace(BY_THE_KERNEL, vip=VIP6),
        replace(BY_THE_KERNEL, endpoints=(OWN6,)),
    ],
)
def test_what_the_kernels_device_cannot_unwrap_is_refused(duty: Duty) -> None:
    with pytest.raises(WantedError) as refused:
        plan(loaded_host(fresh_host()), Wanted((duty,)))
    assert str(refused.value) == KERNELS_ONLY


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.says[:50])
def test_what_cannot_be_had_is_refused_in_words(refusal: Refusal) -> None:
    with pytest.raises(WantedError) as refused:
        plan(fresh_host(), Wanted(refusal.duties))
    assert str(refused.value) == refusal.says


def test_vip_that_was_taken_before_an_interface_got_it_stays_up() -> None:
    vip = IPAddress("10.1.0.2")
    ours = LedgerEntry(AddressKey("lo", vip, 32), ABSENT, (PRESENT,))
    steps = plan(replace(fresh_host(), ledger=(ours,)), Wanted((replace(DR, vip=vip),)))
    assert Step(ours.key, ABSENT, PRESENT) in steps


def test_default_route_that_could_not_be_restored_is_not_touched() -> None:
    have = fresh_host()
    routed = {**have.settings, DEFAULT: replace(OLD_DEFAULT, unwritable=("encap",))}
    with pytest.raises(WantedError, match=r"attributes that could not be restored \(encap\)"):
        plan(replace(have, settings=routed), Wanted((NAT,)))


def test_routing_daemons_routes_are_left_to_it() -> None:
    have = fresh_host()
    learned = RouteKey(254, IPNetwork("10.9.0.0/16"), 0)
    settings_with_bgp = {**have.settings, learned: Route(GATEWAY, "eth0", protocol=186)}
    steps = plan(replace(have, settings=settings_with_bgp), Wanted((TUN,)))
    assert learned not in [step.key for step in steps]


def test_later_duty_for_the_same_vip_and_method_replaces_the_earlier() -> None:
    moved = replace(DR, interface="eth1")
    assert merge(Wanted((DR, NAT)), (moved,)) == Wanted((NAT, moved))
