# SPDX-License-Identifier: Apache-2.0
"""Ids are dense, stable, and given to another only when nothing refers to them."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress

from director.model import Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from director.tables.ids import Assignment, IdRegistry, ServiceIds
from director.tables.layout import MAX_DESTS

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
OTHER_KEY = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
NOBODY: frozenset[int] = frozenset()


def service(*weights: int, key: ServiceKey = KEY) -> VirtualService:
    """A service with a DR destination for each weight, at addresses in a row; -1 leaves one out."""
    destinations = (
        Destination(IPAddress(f"10.0.0.{number}"), 80, ForwardingMethod.DR, weight)
        for number, weight in enumerate(weights, start=2)
        if weight >= 0
    )
    return VirtualService(key, destinations=tuple(destinations))


def test_ids_start_at_1_and_follow_the_order_of_adding() -> None:
    registry = IdRegistry()
    assert registry.assign(service(5, 6)) == Assignment(ServiceIds(1, (1, 2), (5, 6)), (1,), (1, 2))
    assert registry.assign(service(7, key=OTHER_KEY)) == Assignment(ServiceIds(2, (3,), (7,)), (2,), (3,))


def test_an_id_stays_whatever_is_edited() -> None:
    registry = IdRegistry()
    registry.assign(service(5, 6))
    assert registry.assign(service(9, 6, 1)) == Assignment(ServiceIds(1, (1, 2, 3), (9, 6, 1)), (), (3,))


def test_the_last_weight_above_0_is_remembered() -> None:
    registry = IdRegistry()
    registry.assign(service(5, 0))
    assert registry.assign(service(0, 0)).ids.last_weights == (5, 0)
    assert registry.assign(service(0, 3)).ids.last_weights == (5, 3)


def test_a_destination_that_is_added_again_with_weight_0_starts_from_0() -> None:
    registry = IdRegistry()
    registry.assign(service(5))
    registry.assign(service())
    assert registry.assign(service(0)) == Assignment(ServiceIds(1, (1,), (0,)), (), ())


def test_a_deleted_destination_that_connections_refer_to_gets_its_id_back() -> None:
    registry = IdRegistry()
    registry.assign(service(1, 1))
    registry.assign(service(-1, 1))
    for _ in range(5):
        registry.census(frozenset({1}))
    assert registry.destination(KEY, IPAddress("10.0.0.2"), 80) is None
    assert registry.assign(service(-1, 1, 1)).ids.destinations == (2, 3)
    assert registry.assign(service(1, 1, 1)) == Assignment(ServiceIds(1, (1, 2, 3), (1, 1, 1)), (), ())


def test_an_id_is_free_after_two_censuses_without_a_reference() -> None:
    registry = IdRegistry()
    registry.assign(service(1, 1))
    registry.assign(service(-1, 1))
    registry.census(NOBODY)
    assert registry.assign(service(-1, 1, 1)).new_destinations == (3,)
    registry.census(NOBODY)
    assert registry.assign(service(-1, 1, 1, 1)).new_destinations == (1,)


def test_a_reference_between_two_censuses_begins_the_count_anew() -> None:
    registry = IdRegistry()
    registry.assign(service(1))
    registry.assign(service())
    for referred in (NOBODY, frozenset({1}), NOBODY):
        registry.census(referred)
    assert registry.assign(service(1)).new_destinations == ()


def test_a_deleted_service_keeps_its_id_while_a_destination_of_it_is_referred_to() -> None:
    registry = IdRegistry()
    registry.assign(service(1))
    registry.release(KEY)
    assert registry.service(KEY) is None
    registry.census(frozenset({1}))
    registry.census(frozenset({1}))
    assert registry.assign(service(key=OTHER_KEY)).ids.service == 2
    assert registry.assign(service(1)) == Assignment(ServiceIds(1, (1,), (1,)), (1,), ())


def test_a_deleted_service_frees_its_ids_in_the_end() -> None:
    registry = IdRegistry()
    registry.assign(service(1))
    registry.release(KEY)
    for _ in range(4):
        registry.census(NOBODY)
    assert registry.assign(service(1, key=OTHER_KEY)) == Assignment(ServiceIds(1, (1,), (1,)), (1,), (1,))


def test_what_is_gone_is_told_until_its_id_is_free() -> None:
    registry = IdRegistry()
    registry.assign(service(1, 1))
    registry.assign(service(1, -1))
    assert (registry.gone(), registry.retirements) == ((2,), 1)
    registry.release(KEY)
    assert (sorted(registry.gone()), registry.retirements) == ([1, 2], 2)
    registry.census(frozenset())
    registry.census(frozenset({1}))
    assert registry.gone() == (1,)


def test_a_present_destination_is_never_freed() -> None:
    registry = IdRegistry()
    registry.assign(service(1, 1))
    registry.assign(service(1))
    for _ in range(4):
        registry.census(NOBODY)
    assert registry.destination(KEY, IPAddress("10.0.0.2"), 80) == 1


def test_a_direct_route_destination_is_known_by_the_services_port() -> None:
    registry = IdRegistry()
    odd = Destination(IPAddress("10.0.0.2"), 8080, ForwardingMethod.DR)
    registry.assign(VirtualService(KEY, destinations=(odd, replace(odd, method=ForwardingMethod.NAT))))
    assert registry.destination(KEY, odd.address, 80) == 1
    assert registry.destination(KEY, odd.address, 8080) == 2


def test_too_many_destinations_are_said_in_words_beforehand() -> None:
    registry = IdRegistry()
    registry.assign(service(1))
    addresses = (IPAddress(0x0B000000 + n) for n in range(MAX_DESTS - 2))
    many = (Destination(address, 80, ForwardingMethod.DR) for address in addresses)
    crowd = VirtualService(OTHER_KEY, destinations=tuple(many))
    assert registry.lacks_room_for((service(1), crowd)) is None
    assert registry.lacks_room_for((service(1, 1), crowd)) == "131071 new destinations, but room for 131070"
