# SPDX-License-Identifier: Apache-2.0
"""Which samples are taken, and in which order."""

import pytest

from bench.contenders import CONTENDERS
from bench.course import estimate, is_chosen, turns
from bench.measures import Effort


@pytest.mark.parametrize(
    ("name", "patterns", "chosen"),
    [
        ("upload/packet-dr", (), True),
        ("upload/packet-dr", ("upload",), True),
        ("upload/packet-dr", ("/packet-dr",), True),
        ("upload/packet-dr", ("upload/packet-dr",), True),
        ("upload/packet-dr", ("cost", "upload/haproxy", "/packet-dr"), True),
        ("upload/packet-dr", ("cost",), False),
        ("upload/packet-dr", ("upload/packet-nat",), False),
        ("upload/packet-dr", ("up",), False),
    ],
)
def test_a_pattern_names_a_measure_a_path_or_both(name: str, patterns: tuple[str, ...], chosen: bool) -> None:
    assert is_chosen(name, patterns) is chosen


def test_each_round_begins_with_another_contender() -> None:
    order = [turn.contender.name for turn in turns(2, ("keepalive",))]
    names = [contender.name for contender in CONTENDERS]
    assert order == [*names, *names[1:], names[0]]


def test_what_is_compared_follows_each_other() -> None:
    measures = [turn.measure.name for turn in turns(1, ("keepalive", "upload"))]
    assert measures == ["keepalive"] * len(CONTENDERS) + ["upload"] * len(CONTENDERS)


def test_proxies_carry_no_packets_and_only_passing_replies_are_downloads() -> None:
    taken = {turn.name for turn in turns(1, ())}
    assert {"cost/haproxy", "packets/nginx-stream", "download/packet-dr"} & taken == set()
    assert {"cost/packet-tun", "download/packet-nat", "download/direct", "upload/packet-dr"} <= taken


def test_the_estimate_grows_with_the_samples_and_their_length() -> None:
    planned = tuple(turns(1, ("upload",)))
    assert estimate(planned * 2, Effort(1, 1000)) == 2 * estimate(planned, Effort(1, 1000))
    assert estimate(planned, Effort(3, 1000)) - estimate(planned, Effort(1, 1000)) == 2 * len(planned)
