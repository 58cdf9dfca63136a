# SPDX-License-Identifier: Apache-2.0
"""mh: the table's shares, its steadiness, and which client meets whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress

from director.model import SchedulerFlag
from director.scheduling import Candidate, Flow, Load
from director.scheduling.maglev import SIZE, Maglev, Member, populate, slot
from tests.unit.scheduling.runs import listed

FALLBACK = frozenset({SchedulerFlag.MH_FALLBACK})
WITH_PORT = frozenset({SchedulerFlag.MH_PORT})
CLIENTS = [Flow(IPAddress(f"10.0.{net}.{host}"), 40000 + host) for net in (0, 1) for host in range(1, 40)]


def members(*weights: int) -> list[Member]:
    return [Member(IPAddress(f"172.16.0.{n}"), 80, weight) for n, weight in enumerate(weights, start=11)]


def chosen(scheduler: Maglev, candidates: list[Candidate], flow: Flow) -> int | None:
    index = scheduler.choose(candidates, flow)
    return None if index is None else candidates[index].id


def moved(before: tuple[int | None, ...], after: tuple[int | None, ...], gone: int) -> int:
    """How many slots of those that stayed changed hands."""
    return sum(old not in (gone, new) for old, new in zip(before, after, strict=True))


def test_equal_weights_get_equal_shares() -> None:
    assert sorted(Counter(populate(members(1, 1, 1, 1))).values()) == [1023, 1023, 1023, 1024]


def test_shares_follow_the_weights_by_their_common_divisor() -> None:
    shares = Counter(populate(members(300, 100)))
    assert (shares[0], shares[1]) == (3070, 1023)
    assert populate(members(300, 100)) == populate(members(3, 1))


def test_weights_are_scaled_to_six_bits_and_a_small_one_keeps_a_turn() -> None:
    shares = Counter(populate(members(64_000, 1)))
    assert (shares[0], shares[1]) == (4029, 64)


def test_a_last_weight_of_0_gets_no_slot() -> None:
    assert Counter(populate(members(1, 0))) == {0: SIZE}
    assert populate(members(0, 0)) == populate([]) == (None,) * SIZE


def test_a_removal_moves_few_of_the_others_slots() -> None:
    before = populate(members(1, 1, 1, 1))
    after = tuple(None if index is None else index for index in populate(members(1, 1, 1)))
    assert moved(before, after, gone=3) < SIZE // 20


def test_an_address_at_another_port_has_another_path() -> None:
    other = [replace(member, port=81) for member in members(1, 1)]
    assert populate(other) != populate(members(1, 1))


def test_a_client_meets_the_same_destination_whatever_its_port() -> None:
    for flow in CLIENTS[:20]:
        assert chosen(Maglev(), listed(1, 2), flow) == chosen(Maglev(), listed(1, 2), replace(flow, port=1))


def test_with_mh_port_the_ports_of_a_client_are_spread() -> None:
    flows = [Flow(IPAddress("10.0.0.1"), port) for port in range(40000, 40050)]
    assert {chosen(Maglev(WITH_PORT), listed(1, 1, 1), flow) for flow in flows} == {11, 12, 13}


def drained() -> list[Candidate]:
    """.12 of four was set to 0."""
    return [replace(c, weight=0 if c.id == 12 else 1) for c in listed(1, 1, 1, 1)]


def test_the_clients_of_a_drained_destination_are_refused_and_the_others_stay() -> None:
    full = [chosen(Maglev(), listed(1, 1, 1, 1), flow) for flow in CLIENTS]
    assert [chosen(Maglev(), drained(), flow) for flow in CLIENTS] == [
        None if server == 12 else server for server in full
    ]
    assert 12 in full


def test_with_mh_fallback_only_they_move() -> None:
    full = [chosen(Maglev(FALLBACK), listed(1, 1, 1, 1), flow) for flow in CLIENTS]
    after = [chosen(Maglev(FALLBACK), drained(), flow) for flow in CLIENTS]
    assert all(new in {11, 13, 14} for new in after)
    assert [new for old, new in zip(full, after, strict=True) if old != 12] == [s for s in full if s != 12]


def test_overload_is_like_weight_0() -> None:
    overloaded = [replace(candidate, load=Load.OVERLOADED) for candidate in listed(1, 1)]
    assert [
        chosen(Maglev(flags), overloaded, CLIENTS[0]) for flags in (frozenset[SchedulerFlag](), FALLBACK)
    ] == [
        None,
        None,
    ]


def test_a_slot_is_the_hash_of_address_port_and_offset_together() -> None:
    assert slot(IPAddress("10.0.0.1"), 5, 7) == slot(IPAddress("10.0.0.13"), 0)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any))
def test_every_slot_is_taken_and_none_by_weight_0(weights: list[int]) -> None:
    shares = Counter(populate(members(*weights)))
    assert None not in shares
    assert set(shares) == {index for index, weight in enumerate(weights) if weight}
