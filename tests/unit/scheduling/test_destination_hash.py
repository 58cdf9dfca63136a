# SPDX-License-Identifier: Apache-2.0
"""dh: which address meets whom."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress

from director.scheduling import Candidate, Flow, Load
from director.scheduling.destination_hash import DestinationHash, fill_buckets
from tests.unit.scheduling.runs import listed

ASKED = [IPAddress(f"198.51.100.{number}") for number in range(1, 101)]


def chosen(candidates: list[Candidate], asked: IPAddress, client: str = "10.0.0.1") -> int | None:
    index = DestinationHash().choose(candidates, Flow(IPAddress(client), 40000, asked))
    return None if index is None else candidates[index].id


def test_each_destination_has_a_bucket_in_turn_whatever_its_weight() -> None:
    assert fill_buckets(3)[:7] == (0, 1, 2, 0, 1, 2, 0)
    assert fill_buckets(0) == (None,) * 256
    assert len(fill_buckets(300)) == 256


def test_an_address_meets_the_same_destination_whoever_asks() -> None:
    for asked in ASKED:
        assert chosen(listed(1, 2, 3), asked) == chosen(listed(1, 2, 3), asked, "203.0.113.77")


def test_many_addresses_are_spread_over_all() -> None:
    assert {chosen(listed(1, 2, 3), asked) for asked in ASKED} == {11, 12, 13}


def test_who_asks_for_an_address_of_a_quiesced_or_overloaded_destination_is_refused() -> None:
    full = [chosen(listed(1, 1, 1, 1), asked) for asked in ASKED]
    refused = [None if server == 12 else server for server in full]
    assert [chosen(listed(1, 0, 1, 1), asked) for asked in ASKED] == refused
    busy = [replace(each, load=Load.OVERLOADED) if each.id == 12 else each for each in listed(1, 1, 1, 1)]
    assert [chosen(busy, asked) for asked in ASKED] == refused
    assert 12 in full


def test_a_service_without_destinations_has_none() -> None:
    assert chosen([], ASKED[0]) is None
