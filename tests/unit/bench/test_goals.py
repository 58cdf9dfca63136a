# SPDX-License-Identifier: Apache-2.0
"""Goals are judged by the measured ratio and by the sense of their quantity."""

from bench.contenders import DIRECT, DNAT, FORWARD_BYPASS, HAPROXY
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


def test_every_goal_of_the_data_path_is_there() -> None:
    assert {(goal.quantity, goal.reference, goal.bound) for goal in GOALS} == {
        ("upload", "forward", 0.8),
        ("upload", "forward-bypass", 0.8),
        ("download", "forward", 0.8),
        ("cost", DNAT, 2.0),
        ("cost-many", DNAT, 2.0),
        ("connections", HAPROXY, 1.0),
    }
