# SPDX-License-Identifier: Apache-2.0
"""sh: which client meets whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.model import SchedulerFlag
from director.scheduling import Candidate, Flow, Load
from director.scheduling.source_hash import BUCKETS, SourceHash, bucket, fill_buckets
from tests.unit.scheduling.runs import listed

FALLBACK = frozenset({SchedulerFlag.SH_FALLBACK})
WITH_PORT = frozenset({SchedulerFlag.SH_PORT})
CLIENTS = [Flow(IPAddress(f"10.0.0.{number}"), 40000 + number) for number in range(1, 255)]


def chosen(scheduler: SourceHash, candidates: list[Candidate], flow: Flow) -> int | None:
    index = scheduler.choose(candidates, flow)
    return None if index is None else candidates[index].id


@pytest.mark.parametrize(
    ("weights", "start"),
    [
        ((1, 1, 1), (0, 1, 2, 0, 1, 2)),
        ((3, 1, 2), (0, 0, 0, 1, 2, 2)),
        ((0, 2), (0, 1, 1, 0, 1, 1)),
        ((0, 0), (0, 1, 0, 1, 0, 1)),
    ],
)
def test_buckets_are_filled_in_runs_as_long_as_the_weights(
    weights: tuple[int, ...], start: tuple[int, ...]
) -> None:
    buckets = fill_buckets(weights)
    assert (len(buckets), buckets[:6]) == (BUCKETS, start)


def test_what_does_not_fit_gets_no_bucket() -> None:
    assert fill_buckets((300, 1)) == (0,) * BUCKETS
    assert fill_buckets((200, 2**31 - 1, 1)) == (0,) * 200 + (1,) * 56
    assert fill_buckets(()) == (None,) * BUCKETS


def test_a_bucket_is_the_hash_of_the_address_and_the_port() -> None:
    assert bucket(IPAddress("0.0.0.1"), 0) == 0x61
    assert bucket(IPAddress("0.0.0.1"), 1) == 0xC3
    assert bucket(IPAddress("0.0.0.1"), 1, offset=0x3E) == 1
    assert bucket(IPAddress("::1:0:0"), 0) == 0x61


def test_a_client_meets_the_same_destination_whatever_its_port() -> None:
    scheduler = SourceHash()
    for flow in CLIENTS:
        assert chosen(scheduler, listed(1, 2, 3), flow) == chosen(
            scheduler, listed(1, 2, 3), replace(flow, port=1)
        )


def test_with_sh_port_the_ports_of_a_client_are_spread() -> None:
    flows = [Flow(IPAddress("10.0.0.1"), port) for port in range(40000, 40100)]
    assert {chosen(SourceHash(WITH_PORT), listed(1, 1, 1), flow) for flow in flows} == {11, 12, 13}


def test_the_clients_of_a_drained_destination_are_refused() -> None:
    full = [chosen(SourceHash(), listed(1, 1, 1, 1), flow) for flow in CLIENTS]
    drained = [chosen(SourceHash(), listed(1, 0, 1, 1), flow) for flow in CLIENTS]
    assert drained == [None if server == 12 else server for server in full]
    assert 12 in full


def test_with_sh_fallback_only_they_move() -> None:
    full = [chosen(SourceHash(FALLBACK), listed(1, 1, 1, 1), flow) for flow in CLIENTS]
    drained = [chosen(SourceHash(FALLBACK), listed(1, 0, 1, 1), flow) for flow in CLIENTS]
    assert all(new in {11, 13, 14} for new in drained)
    assert [new for old, new in zip(full, drained, strict=True) if old != 12] == [s for s in full if s != 12]


@given(st.lists(st.integers(0, 3), max_size=5), st.integers(0, 2**32 - 1))
def test_with_sh_fallback_someone_is_found_if_a_bucket_within_reach_is_eligible(
    weights: list[int], address: int
) -> None:
    flow = Flow(IPAddress(address), 1)
    candidates = listed(*weights)
    found = chosen(SourceHash(FALLBACK), candidates, flow)
    assert (found is None) == (not any(weights))
    overloaded = [replace(candidate, load=Load.OVERLOADED) for candidate in candidates]
    assert chosen(SourceHash(FALLBACK), overloaded, flow) is None
