# SPDX-License-Identifier: Apache-2.0
"""Which samples are taken, and in which order."""

import pytest

from bench.contenders import BARE_XDP, CONTENDERS
from bench.course import estimate, is_chosen, turns
from bench.measures import Effort

ANSWERING = [one.name for one in CONTENDERS if one.name != BARE_XDP]


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
    assert order == [*ANSWERING, *ANSWERING[1:], ANSWERING[0]]


def test_what_is_compared_follows_each_other() -> None:
    measures = [turn.measure.name for turn in turns(1, ("keepalive", "upload"))]
    assert measures == ["keepalive"] * len(ANSWERING) + ["upload"] * len(ANSWERING)


def test_proxies_carry_no_packets_and_only_passing_replies_are_downloads() -> None:
    taken = {turn.name for turn in turns(1, ())}
    assert {"cost/haproxy", "packets/nginx-stream", "download/packet-dr"} & taken == set()
    assert {"cost/packet-tun", "download/packet-nat", "download/direct", "upload/packet-dr"} <= taken


def test_one_core_does_all_for_what_carries_packets_in_the_kernel_only() -> None:
    assert [turn.contender.name for turn in turns(1, ("one-core",))] == [
        "direct", "forward", "forward-bypass", "nft-dnat", "bare-xdp",
        "tc-dr", "tc-tun", "tc-nat", "xdp-dr", "xdp-tun", "xdp-nat",
    ]  # fmt: skip


def test_what_is_turned_back_reaches_no_server() -> None:
    assert [turn.name for turn in turns(1, ("/bare-xdp",))] == ["one-core/bare-xdp"]


def test_the_estimate_grows_with_the_samples_and_their_length() -> None:
    planned = tuple(turns(1, ("upload",)))
    assert estimate(planned * 2, Effort(1, 1000)) == 2 * estimate(planned, Effort(1, 1000))
    assert estimate(planned, Effort(3, 1000)) - estimate(planned, Effort(1, 1000)) == 2 * len(planned)
