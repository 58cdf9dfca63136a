# SPDX-License-Identifier: Apache-2.0
"""Which ways of a packet are measured, and how they are judged."""

from cost.ways import WAYS, Happening, Sample, Way, chosen, outcomes
from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod

HIT = {method: Way(ProgramKind.XDP, method, Happening.HIT) for method in ForwardingMethod}
NEW = Way(ProgramKind.XDP, ForwardingMethod.DR, Happening.NEW)


def names(*patterns: str) -> set[str]:
    return {way.name for way in chosen(patterns)}


def test_there_is_a_way_for_each_kind_and_method_and_a_reply_with_nat_alone() -> None:
    assert len(WAYS) == 2 * (3 * 2 + 1)
    assert {way.method for way in WAYS if way.happening is Happening.REPLY} == {ForwardingMethod.NAT}


def test_a_pattern_may_leave_parts_out() -> None:
    assert names() == {way.name for way in WAYS}
    assert names("xdp/dr/hit") == {"xdp/dr/hit"}
    assert names("/dr") == {"xdp/dr/hit", "xdp/dr/new", "tc/dr/hit", "tc/dr/new"}
    assert names("tc//reply", "xdp/tun/new") == {"tc/nat/reply", "xdp/tun/new"}
    assert names("bridge") == names("xdp/dr/hit/again") == set()


def test_a_new_connection_may_be_chosen_without_a_memory() -> None:
    assert {happening: happening.reasons for happening in Happening} == {
        Happening.HIT: ("hit",),
        Happening.NEW: ("new", "new_stateless"),
        Happening.REPLY: ("reply",),
    }


def test_nat_takes_two_places_for_a_flow() -> None:
    assert (HIT[ForwardingMethod.DR].entries(1000), HIT[ForwardingMethod.NAT].entries(1000)) == (1000, 2000)


def test_new_connections_are_measured_by_the_thousands_only() -> None:
    assert [NEW.suits(1), NEW.suits(10_000), HIT[ForwardingMethod.DR].suits(1)] == [False, True, True]


def test_nothing_is_judged_that_was_not_measured() -> None:
    assert outcomes(()) == ()
    assert outcomes((Sample(0, HIT[ForwardingMethod.TUN], 10_000, 90.0),)) == ()


def test_the_median_is_judged_and_a_tunnel_by_what_it_costs_more() -> None:
    samples = (
        *(Sample(number, HIT[ForwardingMethod.DR], 10_000, cost) for number, cost in enumerate((75, 70, 90))),
        Sample(0, HIT[ForwardingMethod.TUN], 10_000, 101.0),
        Sample(0, NEW, 10_000, 250.0),
    )
    assert [(one.goal, one.measured, one.bound, one.is_met) for one in outcomes(samples)] == [
        ("dr, a hit, 10,000 flows", 75, 75, True),
        ("tun, a hit, more than dr, 10,000 flows", 26, 25, False),
        ("dr, a new connection, 10,000 flows", 250, 250, True),
    ]
