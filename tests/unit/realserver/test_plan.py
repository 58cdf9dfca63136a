# SPDX-License-Identifier: Apache-2.0
"""Plans: what each method asks of a host, and that whatever happens, undoing leaves the host as it was."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from realserver import state
from realserver.errors import HostError, WantedError
from realserver.plan import left_alone, merge, plan
from realserver.settings import (
    ABSENT,
    NOTHING,
    PRESENT,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    Decapsulation,
    Duty,
    HostState,
    IpipSupport,
    Key,
    LinkKey,
    LinkState,
    Method,
    ModuleKey,
    Route,
    RouteKey,
    RuleKey,
    Step,
    SysctlKey,
    Value,
    Wanted,
)
from realserver.transaction import carry_out
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
    SimulatedHost,
    fresh_host,
    loaded_host,
)

DR = Duty(Method.DR, VIP, "eth0")
TUN = Duty(Method.TUN, VIP, "eth0")
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
    Step(DecapKey("eth0"), ABSENT, Decap.of((OWN,), (VIP,))),
)
SMALL_SEGMENTS = (
    Step(DEFAULT, OLD_DEFAULT, OLD_DEFAULT.with_advmss(1440)),
    Step(CONNECTED, ON_LINK, ON_LINK.with_advmss(1440)),
)


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
        (replace(TUN, vip=VIP6),),
        "VIP 2001:db8::1: tunnels are unwrapped for IPv4 in IPv4; use --method dr for an IPv6 VIP",
    ),
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


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.says[:50])
def test_what_cannot_be_had_is_refused_in_words(refusal: Refusal) -> None:
    with pytest.raises(WantedError) as refused:
        plan(fresh_host(), Wanted(refusal.duties))
    assert str(refused.value) == refusal.says


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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def run(host: SimulatedHost, path: Path, *duties: Duty) -> tuple[Step, ...]:
    return carry_out(host, path, Wanted(duties), lambda _step: None)


def test_value_that_somebody_else_changed_since_is_left_alone_on_the_way_down(path: Path) -> None:
    host = SimulatedHost(fresh_host())
    run(host, path, TUN)
    renewed = Route(IPAddress("10.0.0.253"), "eth0", protocol=16)
    host.settings[DEFAULT] = renewed
    strangers = left_alone(host.observe(state.read(path).ledger))
    run(host, path)
    assert [entry.key for entry in strangers] == [DEFAULT]
    assert host.settings == {**fresh_host().settings, DEFAULT: renewed}


def test_clsact_that_others_use_meanwhile_stays(path: Path) -> None:
    host = SimulatedHost(fresh_host())
    run(host, path, TUN)
    host._have = replace(host._have, shared_clsact=frozenset({"eth0"}))
    run(host, path)
    assert host.settings == {**fresh_host().settings, ClsactKey("eth0"): PRESENT}
    assert not path.exists()


def test_program_is_known_and_removed_even_when_the_memory_is_lost(path: Path) -> None:
    host = SimulatedHost(fresh_host())
    host.settings[DecapKey("eth0")] = Decap("0123456789abcdef")
    run(host, path)
    assert host.settings == fresh_host().settings


def test_vanished_interface_does_not_keep_the_rest_from_being_undone(path: Path) -> None:
    host = SimulatedHost(fresh_host())
    run(host, path, replace(TUN, interface="eth1"), DR)
    gone = {key for key in host.settings if getattr(key, "interface", None) == "eth1"}
    host.settings = {key: value for key, value in host.settings.items() if key not in gone}
    host._have = replace(host._have, interfaces=host._have.interfaces[:2])
    run(host, path)
    assert host.settings == {key: value for key, value in fresh_host().settings.items() if key not in gone}


# ---- whatever is wanted, in whatever order, with whatever failures: it converges, and undoing is exact

SYSCTL_VALUES = {"arp_ignore": "01238", "arp_announce": "012", "rp_filter": "012"}
ROUTES = st.builds(
    Route,
    gateway=st.just(GATEWAY),
    interface=st.just("eth0"),
    protocol=st.sampled_from((3, 4, 16)),
    metrics=st.sampled_from(((), (("advmss", 1400),), (("advmss", 1460), ("mtu", 1500)))),
)
DUTIES = st.builds(
    Duty,
    method=st.sampled_from(Method),
    vip=st.sampled_from((VIP, OTHER_VIP)),
    interface=st.sampled_from(("eth0", "eth1")),
    director=st.sampled_from((DIRECTOR, OTHER_DIRECTOR)),
    source=st.sampled_from((None, None, OWN)),
    table=st.sampled_from((2000, 2001)),
    mtu=st.sampled_from((None, 1400)),
    decapsulation=st.sampled_from((Decapsulation.AUTO, Decapsulation.EBPF)),
)


@st.composite
def hosts(draw: st.DrawFn) -> HostState:
    ipip = draw(st.sampled_from((IpipSupport.MISSING, IpipSupport.LOADABLE)))
    have = fresh_host(ipip=ipip)
    found: dict[Key, Value] = dict(have.settings)
    for key in have.settings:
        if isinstance(key, SysctlKey):
            found[key] = draw(st.sampled_from(SYSCTL_VALUES[key.name]))
    for metric in (0, 100):
        key = RouteKey(254, ANYWHERE, metric)
        found.pop(key, None)
        if draw(st.booleans()):
            found[key] = draw(ROUTES)
    if draw(st.booleans()):
        found[AddressKey("lo", VIP, 32)] = PRESENT
    if draw(st.booleans()):
        found[ClsactKey("eth0")] = PRESENT
    return replace(have, settings=found)


@dataclass(frozen=True)
class Run:
    duties: tuple[Duty, ...]
    fails_at: int | None
    fails_after_the_change: bool


RUNS = st.lists(
    st.builds(
        Run,
        duties=st.lists(DUTIES, max_size=3).map(tuple),
        fails_at=st.one_of(st.none(), st.integers(0, 12)),
        fails_after_the_change=st.booleans(),
    ),
    max_size=4,
)


def without_tunnel_device(found: dict[Key, Value]) -> dict[Key, Value]:
    """Leave out what stays once the module is loaded; the device must be down again."""
    assert found.get(LinkKey("tunl0"), LinkState.DOWN) is LinkState.DOWN
    born = (LinkKey("tunl0"), ModuleKey("ipip"), SysctlKey("ipv4", "tunl0", "rp_filter"))
    return {key: value for key, value in found.items() if key not in born}


@settings(max_examples=150, deadline=None)
@given(have=hosts(), runs=RUNS)
def test_every_history_converges_and_is_undone_exactly(have: HostState, runs: list[Run]) -> None:
    host = SimulatedHost(have)
    with tempfile.TemporaryDirectory(prefix="realserver-test-") as directory:
        path = Path(directory, "state.json")
        for each in runs:
            if each.fails_at is not None:
                host.fail_at(each.fails_at, after_the_change=each.fails_after_the_change)
            with contextlib.suppress(WantedError, HostError):
                run(host, path, *each.duties)
                assert plan(host.observe(state.read(path).ledger), Wanted(each.duties)) == ()
        host.fail_at(1000, after_the_change=False)
        run(host, path)
        assert not path.exists()
    assert without_tunnel_device(host.settings) == have.settings
    assert plan(host.observe(), NOTHING) == ()
