# SPDX-License-Identifier: Apache-2.0
"""Judgements that namespaces cannot show: kernel tunnels, offloads, counters, and what could not be asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import EUI

from realserver.bpf import Count, Reason
from realserver.check import Finding, Level, check
from realserver.evidence import Answers, Evidence, OwnAnswers, Unwrapping
from realserver.plan import plan
from realserver.settings import (
    Duty,
    HostState,
    Key,
    LinkKey,
    LinkState,
    Method,
    Port,
    Served,
    SysctlKey,
    Transport,
    Tunnels,
    TunnelType,
    Value,
    Wanted,
)
from tests.unit.realserver.simulated import (
    DEFAULT,
    DIRECTOR,
    OWN,
    VIP,
    VIP6,
    SimulatedHost,
    fresh_host,
    loaded_host,
)

DR = Duty(Method.DR, VIP, "eth0", director=DIRECTOR)
DR6 = replace(DR, vip=VIP6)
TUN = Duty(Method.TUN, VIP, "eth0", endpoints=(OWN,), tunnels=Tunnels((TunnelType.IPIP,)))
SERVED = Served(VIP, TUN.tunnels)
FITS = "is what fits the tunnel"
GUE = Tunnels((TunnelType.GRE, TunnelType.GUE), 7000)
RIGHT = Evidence(
    segments={"eth0": Answers({DIRECTOR: frozenset({EUI("02:00:00:00:00:01")})})},
    own={"eth0": OwnAnswers()},
    unwrapping=(Unwrapping("eth0", (OWN,), (SERVED,)),),
)


def set_up(have: HostState, duty: Duty) -> HostState:
    """Carry a duty's plan out on a host that exists in memory."""
    host = SimulatedHost(have)
    for step in plan(have, Wanted((duty,))):
        host.apply(step)
    return host.observe()


@dataclass(frozen=True)
class Case:
    says: str
    have: HostState
    duty: Duty
    evidence: Evidence
    findings: tuple[tuple[Level, str], ...] = ()


BY_KERNEL = set_up(loaded_host(fresh_host()), TUN)
BY_PROGRAM = set_up(fresh_host(), TUN)
SILENT = set_up(fresh_host(), DR)
LOOSE = SysctlKey("ipv4", "all", "rp_filter")


def counting(reason: Reason) -> Evidence:
    return replace(RIGHT, unwrapping=(Unwrapping("eth0", (OWN,), (SERVED,), (Count(reason, 3, 4500),)),))


def filtered(where: str, values: str) -> tuple[Level, str]:
    effect = "it drops clients that are not routed back that way"
    return Level.PROBLEM, f"rp_filter is {where} (the larger of its own {values}): {effect}"


def holding(have: HostState, key: Key, value: Value) -> HostState:
    return replace(have, settings={**have.settings, key: value})


def without(have: HostState, key: object) -> HostState:
    return replace(have, settings={each: value for each, value in have.settings.items() if each != key})


CASES = (
    Case("a right set-up passes", SILENT, DR, RIGHT),
    Case("an IPv6 VIP needs no ARP settings", set_up(fresh_host(), DR6), DR6, RIGHT),
    Case("the kernel's tunnel device unwraps too", BY_KERNEL, TUN, replace(RIGHT, unwrapping=())),
    Case("a tunnel device that is down does not",
         holding(BY_KERNEL, LinkKey("tunl0"), LinkState.DOWN), TUN,
         replace(RIGHT, unwrapping=()), ((Level.PROBLEM, "nothing unwraps tunnels on eth0"),)),
    Case("a filter on the tunnel device counts as well",
         holding(BY_KERNEL, SysctlKey("ipv4", "tunl0", "rp_filter"), "1"), TUN,
         replace(RIGHT, unwrapping=()),
         (filtered("1 on tunl0", "1 and `all`'s 0"),)),
    Case("a loose filter is fine while there is a default route",
         holding(SILENT, LOOSE, "2"), DR, RIGHT),
    Case("and is not without",
         without(holding(SILENT, LOOSE, "2"), DEFAULT), DR, RIGHT,
         (filtered("2 on eth0", "0 and `all`'s 2"),)),
    Case("a program for other VIPs is none", BY_PROGRAM, TUN,
         replace(RIGHT, unwrapping=(Unwrapping("eth0", (OWN,), ()),)),
         ((Level.PROBLEM, "the program on eth0 does not unwrap for 192.0.2.1"),)),
    Case("a program that unwraps something else says what", BY_PROGRAM, TUN,
         replace(RIGHT, unwrapping=(Unwrapping("eth0", (OWN,), (Served(VIP, GUE),)),)),
         ((Level.PROBLEM, "the program on eth0 unwraps gre,gue:7000 for 192.0.2.1, not ipip"),)),
    Case("the kernel's device is not enough where gre was asked for", BY_KERNEL, replace(TUN, tunnels=GUE),
         replace(RIGHT, unwrapping=()),
         ((Level.PROBLEM, "nothing unwraps tunnels on eth0"),
          *((Level.PROBLEM, f"the route to {where} tells clients an MSS of 1440, and 1420 {FITS}")
            for where in ("default", "10.0.0.0/24")))),
    Case("a program that could not be read is a note", BY_PROGRAM, TUN,
         replace(RIGHT, unwrapping=(Unwrapping("eth0", fault="not permitted"),)),
         ((Level.NOTE, "an unwrapping program is there but was not read: not permitted"),)),
    Case("fragments that came are a note", BY_PROGRAM, TUN, counting(Reason.OUTER_FRAGMENT),
         ((Level.NOTE, "3 fragments of tunnel packets came: cannot be unwrapped"),)),
    Case("tunnels to another address are a note", BY_PROGRAM, TUN, counting(Reason.OTHER_ENDPOINT),
         ((Level.NOTE, "3 tunnel packets came for another address of this host"),)),
    Case("merging on receipt hurts tunnels", BY_PROGRAM, TUN,
         replace(RIGHT, receive_merging=frozenset({"eth0"})),
         ((Level.PROBLEM, "eth0 merges packets on receipt (LRO), which loses tunnel headers"),)),
    Case("a segment that could not be asked is a note", SILENT, DR,
         replace(RIGHT, segments={"eth0": Answers(fault="cannot ask on eth0: not permitted")}),
         ((Level.NOTE, "cannot ask on eth0: not permitted"),)),
    Case("a host that cannot ask itself is a note", SILENT, DR,
         replace(RIGHT, own={"eth0": OwnAnswers(fault="this host cannot ask itself: no tap")}),
         ((Level.NOTE, "this host cannot ask itself: no tap"),)),
    Case("an interface that is gone", SILENT, replace(DR, interface="eth9"), RIGHT,
         ((Level.PROBLEM, "interface eth9 does not exist"),)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_judgement(case: Case) -> None:
    found = check(case.have, (case.duty,), case.evidence)
    assert tuple((finding.level, finding.what) for finding in found) == case.findings


def test_finding_names_its_vip_and_its_remedy() -> None:
    bare = without(SILENT, next(key for key in SILENT.settings if getattr(key, "address", None) == VIP))
    assert check(bare, (DR,), RIGHT) == (
        Finding(
            VIP, Level.PROBLEM, "192.0.2.1 is not on lo, so this host refuses its packets",
            "realserver up --vip 192.0.2.1 --method dr --interface eth0",
        ),
    )  # fmt: skip


def test_what_two_duties_have_in_common_is_told_once() -> None:
    nothing = fresh_host()
    both = check(nothing, (DR, replace(DR, ports=(Port(Transport.TCP, 80),))), RIGHT)
    assert len({finding.what for finding in both}) == len(both)
