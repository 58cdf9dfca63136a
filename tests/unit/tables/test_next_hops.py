# SPDX-License-Identifier: Apache-2.0
"""Links, routes and neighbours add up to next hops, in whatever order they are told."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from netaddr import EUI, IPAddress

from director.model import Link, Neighbour, NextHop, OwnAddress, Route, RouteAnswer
from director.model.counters import NextHopState, NextHopStatus
from director.tables.next_hops import NextHops

SERVER, OTHER, GATEWAY, SOURCE = (IPAddress(f"10.0.0.{n}") for n in (2, 3, 254, 1))
MAC, SERVER_MAC = EUI("02-00-00-00-00-01"), EUI("02-00-00-00-00-02")
ETH0 = Link(2, "eth0", MAC, 1500, up=True)
ROUTE = Route(SERVER, 2, None, SOURCE, 1400)
NEIGHBOUR = Neighbour(2, SERVER, SERVER_MAC)
HOP = NextHop(2, MAC, SERVER_MAC, SOURCE, 1400)


def known(*wanted: IPAddress, link: Link | None = ETH0, route: RouteAnswer = ROUTE) -> NextHops:
    hops = NextHops()
    hops.want(wanted or (SERVER,))
    if link is not None:
        hops.learn_link(link.index, link)
    hops.learn_route(SERVER, route)
    hops.learn_neighbour(NEIGHBOUR)
    return hops


@pytest.mark.parametrize("order", tuple(permutations(range(3))))
def test_the_last_fact_to_arrive_completes_the_way(order: tuple[int, ...]) -> None:
    hops = NextHops()
    hops.want((SERVER,))
    facts = (
        lambda: hops.learn_link(2, ETH0),
        lambda: hops.learn_route(SERVER, ROUTE),
        lambda: hops.learn_neighbour(NEIGHBOUR),
    )
    assert [facts[number]() for number in order] == [(), (), (SERVER,)]
    assert (hops.next_hop(SERVER), hops.why_unresolved(SERVER)) == (HOP, None)
    assert hops.status(SERVER) == NextHopStatus(SERVER, NextHopState.RESOLVED, "eth0", SERVER, SERVER_MAC)


def test_the_mtu_is_the_smaller_one_of_link_and_route() -> None:
    hops = known()
    assert hops.learn_link(2, replace(ETH0, mtu=1300)) == (SERVER,)
    assert hops.next_hop(SERVER) == replace(HOP, mtu=1300)


def test_a_fact_told_again_is_no_change() -> None:
    hops = known()
    assert (
        hops.learn_link(2, ETH0) == hops.learn_route(SERVER, ROUTE) == hops.learn_neighbour(NEIGHBOUR) == ()
    )


UNRESOLVED = [
    (None, ROUTE, NextHopState.NO_LINK, "the route to 10.0.0.2 leaves by interface 2, which is not there"),
    (replace(ETH0, up=False), ROUTE, NextHopState.NO_LINK, "eth0 is down"),
    (replace(ETH0, mac=None), ROUTE, NextHopState.NO_LINK, "eth0 is not an Ethernet interface"),
    (ETH0, None, NextHopState.NO_ROUTE, "no route to 10.0.0.2"),
    (ETH0, replace(ROUTE, gateway=GATEWAY), NextHopState.RESOLVING, "10.0.0.254 does not answer on eth0"),
]


@pytest.mark.parametrize(("link", "route", "state", "why"), UNRESOLVED)
def test_what_is_missing_is_said_in_words(
    link: Link | None, route: RouteAnswer, state: NextHopState, why: str
) -> None:
    hops = known(link=link, route=route)
    assert (hops.next_hop(SERVER), hops.status(SERVER).state, hops.why_unresolved(SERVER)) == (
        None,
        state,
        why,
    )


def test_the_directors_own_address_needs_no_neighbour() -> None:
    hops = NextHops()
    hops.want((SERVER,))
    assert hops.learn_route(SERVER, OwnAddress()) == (SERVER,)
    assert hops.learn_route(SERVER, OwnAddress()) == ()
    assert (hops.next_hop(SERVER), hops.why_unresolved(SERVER)) == (OwnAddress(), None)
    assert hops.status(SERVER) == NextHopStatus(SERVER, NextHopState.LOCAL)
    assert hops.needed_neighbours == ()
    assert hops.learn_route(SERVER, None) == (SERVER,)
    assert (hops.next_hop(SERVER), hops.status(SERVER).state) == (None, NextHopState.NO_ROUTE)


def test_an_address_nobody_asked_the_kernel_about_is_still_resolving() -> None:
    hops = known(SERVER, OTHER)
    assert hops.status(OTHER) == NextHopStatus(OTHER, NextHopState.RESOLVING)
    assert hops.why_unresolved(OTHER) == "the kernel was not yet asked for a route to 10.0.0.3"


def test_an_address_is_wanted_as_long_as_one_still_uses_it() -> None:
    hops = NextHops()
    assert hops.want((SERVER, OTHER, SERVER)) == (SERVER, OTHER)
    assert hops.give_up((SERVER,)) == ()
    assert hops.want((SERVER,)) == ()
    assert hops.give_up((SERVER, OTHER, SERVER)) == (OTHER, SERVER)
    assert hops.wanted == ()


def test_a_given_up_address_is_forgotten_with_its_neighbour() -> None:
    hops = known()
    hops.give_up((SERVER,))
    assert (hops.needed_neighbours, hops.next_hop(SERVER)) == ((), None)
    assert hops.learn_route(SERVER, ROUTE) == ()
    hops.want((SERVER,))
    assert hops.why_unresolved(SERVER) == "the kernel was not yet asked for a route to 10.0.0.2"


def test_destinations_behind_one_gateway_need_one_neighbour() -> None:
    hops = known(SERVER, OTHER, route=replace(ROUTE, gateway=GATEWAY))
    hops.learn_route(OTHER, replace(ROUTE, destination=OTHER, gateway=GATEWAY))
    assert hops.needed_neighbours == ((2, GATEWAY),)
    assert hops.unresolved_neighbour(SERVER) == hops.unresolved_neighbour(OTHER) == (2, GATEWAY)
    assert hops.learn_neighbour(Neighbour(2, GATEWAY, SERVER_MAC)) == (SERVER, OTHER)
    assert hops.unresolved_neighbour(SERVER) is None
