# SPDX-License-Identifier: Apache-2.0
"""Carrying plans out: whatever is wanted, and whatever fails, undoing leaves what was before."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress

from realserver import state
from realserver.errors import HostError, WantedError
from realserver.plan import left_alone, plan
from realserver.settings import (
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
    Step,
    SysctlKey,
    Value,
    Wanted,
)
from realserver.transaction import carry_out
from tests.unit.realserver.simulated import (
    ANYWHERE,
    DEFAULT,
    DIRECTOR,
    GATEWAY,
    OTHER_DIRECTOR,
    OTHER_VIP,
    OWN,
    VIP,
    SimulatedHost,
    fresh_host,
)

DR = Duty(Method.DR, VIP, "eth0")
TUN = Duty(Method.TUN, VIP, "eth0")


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


def test_memory_is_written_before_each_change(path: Path) -> None:
    """Fail before each step in turn: what was noted until then must be enough to undo."""
    for number in range(len(plan(fresh_host(), Wanted((TUN,))))):
        host = SimulatedHost(fresh_host())
        host.fail_at(number, after_the_change=True)
        with pytest.raises(HostError):
            run(host, path, TUN)
        assert len(state.read(path).ledger) == number + 1
        run(host, path)
        assert host.settings == fresh_host().settings


def test_each_step_is_told_once_it_is_taken(path: Path) -> None:
    host = SimulatedHost(fresh_host())
    told: list[Step] = []
    steps = carry_out(host, path, Wanted((DR,)), told.append)
    assert told == host.steps == list(steps)


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
