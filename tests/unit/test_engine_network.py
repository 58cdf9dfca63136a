# SPDX-License-Identifier: Apache-2.0
"""The engine's decisions about news of the network, one by one: when a next hop changes, and when not."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from director.commands import (
    Level,
    Log,
    ResolveRoute,
    SolicitNeighbour,
    SwapTables,
)
from director.engine import Engine
from director.events import (
    LinkChanged,
    LinkRemoved,
    NeighbourChanged,
    RouteResolved,
    RoutesChanged,
)
from director.model import (
    Configuration,
    ForwardingMethod,
    Neighbour,
    OwnAddress,
)
from director.model.counters import NextHopState, NextHopStatus
from tests.unit.scene import (
    DNS,
    ETH0,
    GATEWAY,
    HOP1,
    KEY,
    MAC1,
    MAC2,
    MAC_OF_GATEWAY,
    ON_LINK,
    READY,
    RS1,
    RS2,
    WEB,
    applied,
    engine_after,
    image_of,
    kinds,
    logs_of,
)


def test_a_destination_is_resolved_step_by_step() -> None:
    engine = Engine()
    engine.handle(applied(DNS))
    assert engine.handle(RouteResolved(RS1, ON_LINK)) == []
    assert engine.why_unresolved(RS1) == "the route to 10.0.0.2 leaves by interface 2, which is not there"
    assert kinds(engine.handle(LinkChanged(ETH0))) == [SolicitNeighbour, SwapTables]
    assert engine.why_unresolved(RS1) == "10.0.0.2 does not answer on eth0"
    commands = engine.handle(NeighbourChanged(Neighbour(2, RS1, MAC1)))
    assert kinds(commands) == [SwapTables]
    assert image_of(commands).destinations[1].next_hop == HOP1
    assert (engine.next_hop(RS1), engine.why_unresolved(RS1)) == (HOP1, None)
    assert logs_of(commands) == [
        Log(
            Level.INFO,
            "destination reachable",
            (
                ("destination", "10.0.0.2"),
                ("interface", "eth0"),
                ("via", "10.0.0.2"),
                ("mac", "02-00-00-00-00-11"),
            ),
        )
    ]


def test_a_gateway_is_the_neighbour_of_a_destination_behind_it() -> None:
    engine = engine_after(applied(DNS), LinkChanged(ETH0))
    commands = engine.handle(RouteResolved(RS1, replace(ON_LINK, gateway=GATEWAY, mtu=1400)))
    assert commands == [SolicitNeighbour(2, GATEWAY)]
    engine.handle(NeighbourChanged(Neighbour(2, GATEWAY, MAC_OF_GATEWAY)))
    assert engine.next_hop(RS1) == replace(HOP1, destination_mac=MAC_OF_GATEWAY, mtu=1400)
    assert engine.needed_neighbours == (SolicitNeighbour(2, GATEWAY),)


def test_a_neighbour_that_moved_is_a_new_image() -> None:
    commands = engine_after(*READY).handle(NeighbourChanged(Neighbour(2, RS1, MAC2)))
    assert image_of(commands).destinations[1].next_hop == replace(HOP1, destination_mac=MAC2)


def test_a_lost_neighbour_is_unresolved_and_asked_for_again() -> None:
    commands = engine_after(*READY).handle(NeighbourChanged(Neighbour(2, RS1, None)))
    assert commands[0] == Log(
        Level.WARNING,
        "destination unreachable",
        (("destination", "10.0.0.2"), ("why", "10.0.0.2 does not answer on eth0")),
    )
    assert commands[1] == SolicitNeighbour(2, RS1)
    assert image_of(commands).destinations[1].next_hop is None


def test_a_neighbour_that_never_answered_is_said_once_until_it_is_found() -> None:
    engine = engine_after(applied(DNS), LinkChanged(ETH0), RouteResolved(RS1, ON_LINK))
    silence = NeighbourChanged(Neighbour(2, RS1, None))
    unreachable = Log(
        Level.WARNING,
        "destination unreachable",
        (("destination", "10.0.0.2"), ("why", "10.0.0.2 does not answer on eth0")),
    )
    assert engine.handle(silence) == [unreachable]
    assert engine.handle(silence) == []
    engine.handle(NeighbourChanged(Neighbour(2, RS1, MAC1)))
    assert logs_of(engine.handle(silence)) == [unreachable]
    assert engine.handle(silence) == []


def test_neighbours_that_nobody_needs_are_no_news() -> None:
    engine = engine_after(*READY)
    assert engine.handle(NeighbourChanged(Neighbour(2, RS2, MAC2))) == []
    assert engine.handle(NeighbourChanged(Neighbour(2, RS2, None))) == []


def test_a_neighbour_told_before_anyone_needed_it_is_remembered() -> None:
    engine = engine_after(LinkChanged(ETH0), NeighbourChanged(Neighbour(2, RS1, MAC1)), applied(DNS))
    assert kinds(engine.handle(RouteResolved(RS1, ON_LINK))) == [SwapTables]
    assert engine.next_hop(RS1) == HOP1


def test_a_link_that_went_down_takes_its_destinations_along_and_brings_them_back() -> None:
    engine = engine_after(*READY)
    commands = engine.handle(LinkChanged(replace(ETH0, up=False)))
    image = image_of(commands)
    assert (image.destinations[1].next_hop, image.links) == (None, ())
    assert engine.why_unresolved(RS1) == "eth0 is down"
    assert image_of(engine.handle(LinkChanged(ETH0))).destinations[1].next_hop == HOP1


def test_a_link_that_is_gone_has_lost_its_neighbours() -> None:
    engine = engine_after(*READY)
    assert kinds(engine.handle(LinkRemoved(2))) == [SwapTables]
    assert kinds(engine.handle(LinkChanged(ETH0))) == [SolicitNeighbour, SwapTables]


def test_changed_routes_are_asked_for_again_and_kept_meanwhile() -> None:
    engine = engine_after(applied(WEB, DNS), *READY[1:])
    assert engine.handle(RoutesChanged()) == [ResolveRoute(RS1), ResolveRoute(RS2)]
    assert engine.next_hop(RS1) == HOP1


def test_a_destination_without_a_route_is_said_once() -> None:
    engine = engine_after(applied(DNS))
    unreachable = Log(
        Level.WARNING,
        "destination unreachable",
        (("destination", "10.0.0.2"), ("why", "no route to 10.0.0.2")),
    )
    assert engine.handle(RouteResolved(RS1, None)) == [unreachable]
    assert engine.handle(RouteResolved(RS1, None)) == []


def test_a_destination_that_is_the_director_itself_is_said_once() -> None:
    server = replace(DNS.destinations[0], method=ForwardingMethod.DR, port=DNS.key.port)
    engine = engine_after(applied(replace(DNS, destinations=(server,))))
    commands = engine.handle(RouteResolved(RS1, OwnAddress()))
    fields = (("destination", "10.0.0.2"), ("way", "local"))
    assert logs_of(commands) == [Log(Level.INFO, "destination reachable", fields)]
    assert [d.next_hop for d in image_of(commands).destinations.values()] == [OwnAddress()]
    assert tuple(engine.next_hop_status()) == (NextHopStatus(RS1, NextHopState.LOCAL),)
    assert engine.handle(RouteResolved(RS1, OwnAddress())) == []


def test_a_nat_server_on_the_director_itself_gets_nothing_and_that_is_said() -> None:
    server = replace(DNS.destinations[0], method=ForwardingMethod.NAT, port=8053)
    engine = engine_after(applied(replace(DNS, destinations=(server,))))
    commands = engine.handle(RouteResolved(RS1, OwnAddress()))
    fields = (("destination", "10.0.0.2"), ("why", "a NAT server on this host"))
    assert logs_of(commands) == [Log(Level.WARNING, "destination unreachable", fields)]
    assert [d.next_hop for d in image_of(commands).destinations.values()] == [None]
    assert tuple(engine.next_hop_status()) == (NextHopStatus(RS1, NextHopState.LOCAL_NAT),)
    assert tuple(engine.next_hop_status(DNS.key)) == (NextHopStatus(RS1, NextHopState.LOCAL_NAT),)


def test_a_destination_that_lost_its_route_is_said_once() -> None:
    commands = engine_after(*READY).handle(RouteResolved(RS1, None))
    assert [line.event for line in logs_of(commands)] == ["destination unreachable"]
    assert kinds(commands) == [SwapTables]


def test_the_answer_for_a_destination_that_is_gone_is_ignored() -> None:
    engine = engine_after(applied(WEB), applied(DNS))
    assert engine.handle(RouteResolved(RS2, replace(ON_LINK, destination=RS2))) == []
    assert tuple(engine.next_hop_status()) == (NextHopStatus(RS1, NextHopState.RESOLVING),)


def test_a_destination_that_moves_to_another_service_keeps_its_way() -> None:
    engine = engine_after(*READY)
    other = replace(DNS, key=KEY)
    commands = engine.handle(applied(other))
    assert ResolveRoute not in kinds(commands)
    assert [d.next_hop for d in image_of(commands).destinations.values()] == [HOP1]


def test_a_destination_that_is_added_again_is_asked_for_again() -> None:
    engine = engine_after(*READY, applied())
    assert engine.next_hop(RS1) is None
    commands = engine.handle(applied(DNS))
    assert ResolveRoute(RS1) in commands
    assert image_of(commands).destinations[1].next_hop is None


def test_the_same_event_twice_gives_no_second_command() -> None:
    engine = Engine()
    for event in READY:
        engine.handle(event)
        assert engine.handle(event) == []


def test_many_events_at_once_are_one_image() -> None:
    commands = Engine().handle_all(READY)
    assert kinds(commands).count(SwapTables) == 1
    assert image_of(commands).destinations[1].next_hop == HOP1


def test_the_state_of_each_way_is_told() -> None:
    engine = engine_after(applied(WEB), *READY[1:], RouteResolved(RS2, None))
    assert tuple(engine.next_hop_status()) == (
        NextHopStatus(RS1, NextHopState.RESOLVED, "eth0", RS1, MAC1),
        NextHopStatus(RS2, NextHopState.NO_ROUTE),
    )


def test_the_addresses_that_a_configuration_brings_are_new_once_and_only_until_it_is_applied() -> None:
    engine = Engine()
    wanted = Configuration((WEB, DNS))
    assert engine.new_addresses(wanted) == (RS1, RS2)
    engine.handle(applied(WEB, DNS))
    assert engine.new_addresses(wanted) == ()
    assert engine.new_addresses(deepcopy(wanted)) == ()
