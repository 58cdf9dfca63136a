# SPDX-License-Identifier: Apache-2.0
"""Goals are judged by the measured ratio and by the sense of their quantity."""

from collections import Counter

from bench.contenders import BARE_XDP, DIRECT, DNAT, FORWARD_BYPASS, HAPROXY, METHODS, NGINX_STREAM
from bench.goals import GOALS, outcomes
from bench.samples import Sample


def test_nothing_is_judged_that_was_not_measured() -> None:
    assert outcomes(()) == ()
    assert outcomes((Sample(0, "packet-dr", "upload", 9.0),)) == ()


def test_more_is_better_for_throughput() -> None:
    samples = [Sample(0, FORWARD_BYPASS, "upload", 10.0), Sample(0, "packet-dr", "upload", 8.0)]
    assert [(one.goal.quantity, one.ratio, one.is_met) for one in outcomes(samples)] == [
        ("upload", 0.8, True)
    ]
    samples[1] = Sample(0, "packet-dr", "upload", 7.9)
    assert [one.is_met for one in outcomes(samples)] == [False]


def test_less_is_better_for_cost_and_the_senders_part_is_taken_off() -> None:
    samples = [
        Sample(0, DIRECT, "cost", 1000.0),
        Sample(0, DNAT, "cost", 2000.0),
        Sample(0, "packet-nat", "cost", 2900.0),
        Sample(0, "packet-tun", "cost", 3100.0),
    ]
    judged = {one.goal.contender: (one.ratio, one.is_met) for one in outcomes(samples)}
    assert judged == {"packet-nat": (1.9, True), "packet-tun": (2.1, False)}


def goals_of(datapath: str) -> set[tuple[str, str, float]]:
    return {
        (goal.quantity, goal.reference, goal.bound)
        for goal in GOALS
        if goal.contender.startswith(f"{datapath}-")
    }


def test_every_goal_of_each_data_path_is_there() -> None:
    assert goals_of("packet") == {
        ("upload", "forward", 0.8),
        ("upload", "forward-bypass", 0.8),
        ("download", "forward", 0.8),
        ("cost", DNAT, 2.0),
        ("cost-many", DNAT, 2.0),
        ("connections", HAPROXY, 1.0),
    }
    assert goals_of("tc") == {
        ("upload", "forward", 0.95),
        ("upload", "forward-bypass", 0.95),
        ("download", "forward", 0.95),
        ("one-core", "forward", 1.0),
        ("one-core", "forward-bypass", 1.0),
        ("one-core", DNAT, 1.7),
        ("keepalive", DIRECT, 0.8),
        ("keepalive", DNAT, 1.0),
        ("keepalive", NGINX_STREAM, 1.6),
        ("keepalive", HAPROXY, 1.6),
    }
    assert goals_of("xdp") == {
        ("one-core", BARE_XDP, 0.7),
        ("one-core", "forward", 2.0),
        ("one-core", "forward-bypass", 2.0),
        ("one-core", DNAT, 3.0),
    }


def test_each_goal_holds_for_every_method_that_it_can_be_measured_of() -> None:
    one_way = {"download"}  # replies of DR and TUN pass by
    wanted = Counter({goal.text: 1 if goal.quantity in one_way else len(METHODS) for goal in GOALS})
    datapaths = {(goal.text, goal.contender.partition("-")[0]) for goal in GOALS}
    assert len(datapaths) == len(wanted)
    assert Counter(goal.text for goal in GOALS) == wanted
