# SPDX-License-Identifier: Apache-2.0
"""The engine's decisions, one by one: this happened, so that is to be done."""

from __future__ import annotations

from dataclasses import replace

from netaddr import EUI, IPAddress

from director.commands import (
    Command,
    GuardKey,
    GuardSide,
    Level,
    Log,
    ResolveRoute,
    SetAddresses,
    SetGuard,
    SolicitNeighbour,
    SwapTables,
)
from director.engine import Engine
from director.events import (
    ConfigurationApplied,
    ConnectionsCounted,
    Event,
    LinkChanged,
    LinkRemoved,
    NeighbourChanged,
    RouteResolved,
    RoutesChanged,
)
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Neighbour,
    NextHop,
    Protocol,
    Route,
    Scheduler,
    ServiceKey,
    Settings,
    Timeouts,
    VirtualService,
)
from director.model.counters import NextHopState, NextHopStatus
from director.tables import DecodedImage, decode
from director.tables.layout import MAX_DESTS

DR, TUN, NAT = ForwardingMethod
VIP, OTHER_VIP = IPAddress("192.0.2.1"), IPAddress("192.0.2.2")
RS1, RS2 = IPAddress("10.0.0.2"), IPAddress("10.0.0.3")
DIRECTOR, GATEWAY = IPAddress("10.0.0.1"), IPAddress("10.0.0.254")
KEY = ServiceKey(Protocol.TCP, VIP, 80)
DNS_KEY = ServiceKey(Protocol.UDP, OTHER_VIP, 53)
WEB = VirtualService(
    KEY, Scheduler.WRR, destinations=(Destination(RS1, 80, DR, 4), Destination(RS2, 80, DR, 3))
)
DNS = VirtualService(DNS_KEY, Scheduler.RR, destinations=(Destination(RS1, 5353, NAT, 1),))
TO_WEB = GuardKey(GuardSide.TO, Protocol.TCP, VIP, 80)
TO_DNS = GuardKey(GuardSide.TO, Protocol.UDP, OTHER_VIP, 53)
FROM_DNS = GuardKey(GuardSide.FROM, Protocol.UDP, RS1, 5353)
ETH0 = Link(2, "eth0", EUI("02-00-00-00-00-01"), 1500, up=True)
MAC1, MAC2, MAC_OF_GATEWAY = (EUI(f"02-00-00-00-00-{number}") for number in ("11", "12", "fe"))
ON_LINK = Route(RS1, 2, None, DIRECTOR, 1500)
HOP1 = NextHop(2, EUI("02-00-00-00-00-01"), MAC1, DIRECTOR, 1500)


def applied(*services: VirtualService) -> ConfigurationApplied:
    return ConfigurationApplied(Configuration(services))


def engine_after(*events: Event) -> Engine:
    engine = Engine()
    for event in events:
        engine.handle(event)
    return engine


def kinds(commands: list[Command]) -> list[type[Command]]:
    return [type(command) for command in commands if not isinstance(command, Log)]


def swap_of(commands: list[Command]) -> SwapTables:
    (swap,) = (command for command in commands if isinstance(command, SwapTables))
    return swap


def image_of(commands: list[Command]) -> DecodedImage:
    return decode(swap_of(commands).image)


def logs_of(commands: list[Command]) -> list[Log]:
    return [command for command in commands if isinstance(command, Log)]


def test_the_first_configuration_guards_then_asks_then_swaps_then_binds() -> None:
    commands = Engine().handle(applied(WEB, DNS))
    swap = swap_of(commands)
    assert [command for command in commands if not isinstance(command, Log)] == [
        SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS})),
        ResolveRoute(RS1),
        ResolveRoute(RS2),
        swap,
        SetAddresses(frozenset({VIP, OTHER_VIP})),
    ]
    assert (swap.generation, swap.reset_services, swap.reset_destinations) == (1, (1, 2), (1, 2, 3))
    assert {key: service.id for key, service in decode(swap.image).services.items()} == {KEY: 1, DNS_KEY: 2}


def test_an_empty_first_configuration_still_gives_the_data_path_its_tables() -> None:
    commands = Engine().handle(applied())
    assert kinds(commands) == [SetGuard, SwapTables, SetAddresses]
    assert image_of(commands).services == {}


def test_nothing_is_swapped_before_the_first_configuration() -> None:
    assert Engine().handle(LinkChanged(ETH0)) == []


def test_a_removed_service_stays_guarded_until_the_tables_have_forgotten_it() -> None:
    engine = engine_after(applied(WEB, DNS))
    commands = engine.handle(applied(WEB))
    assert kinds(commands) == [SwapTables, SetAddresses, SetGuard]
    assert commands[-2:] == [SetAddresses(frozenset({VIP})), SetGuard(frozenset({TO_WEB}))]


def test_an_exchanged_service_is_guarded_with_the_old_one_over_the_swap() -> None:
    engine = engine_after(applied(DNS))
    commands = engine.handle(applied(WEB))
    guards = [command for command in commands if isinstance(command, SetGuard)]
    assert kinds(commands) == [SetGuard, ResolveRoute, SwapTables, SetAddresses, SetGuard]
    assert guards == [SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS})), SetGuard(frozenset({TO_WEB}))]


def test_vips_are_left_alone_when_the_director_may_not_bind_them() -> None:
    configuration = Configuration((WEB,), settings=Settings(bind_vips=False))
    assert SetAddresses not in kinds(Engine().handle(ConfigurationApplied(configuration)))


def test_a_setting_that_waits_for_a_restart_is_said_and_changes_nothing() -> None:
    engine = engine_after(applied(WEB))
    configuration = Configuration((WEB,), settings=Settings(bind_vips=False))
    assert engine.handle(ConfigurationApplied(configuration)) == [
        Log(
            Level.WARNING,
            "configuration changed",
            (("change", "~ director.bind_vips true -> false (from the next start)"),),
        )
    ]
    assert engine.handle(applied(WEB, DNS))[-1] == SetAddresses(frozenset({VIP, OTHER_VIP}))


def test_a_changed_timeout_is_a_new_image() -> None:
    engine = engine_after(applied(WEB))
    configuration = Configuration((WEB,), timeouts=Timeouts(udp=30))
    commands = engine.handle(ConfigurationApplied(configuration))
    assert kinds(commands) == [SwapTables]
    assert image_of(commands).timeouts == Timeouts(udp=30)


def test_every_change_is_logged() -> None:
    engine = engine_after(applied(WEB))
    drained = replace(WEB, destinations=(replace(WEB.destinations[0], weight=0), WEB.destinations[1]))
    (line,) = logs_of(engine.handle(applied(drained)))
    assert line == Log(
        Level.INFO,
        "configuration changed",
        (("change", "~ server tcp:192.0.2.1:80 -> 10.0.0.2:80 weight 4 -> 0"),),
    )


def test_the_log_of_one_event_has_an_end() -> None:
    many = tuple(Destination(IPAddress(0x0A000000 + number), 80, NAT) for number in range(1, 301))
    lines = logs_of(Engine().handle(applied(replace(WEB, destinations=many))))
    assert (len(lines), lines[-1]) == (201, Log(Level.INFO, "more of this", (("lines", "101"),)))


def test_a_new_weighted_round_robin_service_follows_its_destinations_one_by_one() -> None:
    third = Destination(IPAddress("10.0.0.4"), 80, DR, 2)
    commands = Engine().handle(applied(replace(WEB, destinations=(*WEB.destinations, third))))
    assert swap_of(commands).wrr_changes == ((1, 1, 0), (1, 4, 1), (1, 1, 4), (1, 1, 4))


def test_a_changed_weighted_round_robin_service_follows_deletes_then_edits_then_adds() -> None:
    one, two, three, four = (Destination(IPAddress(f"10.0.0.{n}"), 80, DR, 4 * n) for n in (2, 3, 4, 5))
    engine = engine_after(applied(replace(WEB, destinations=(one, two, three))))
    changed = (replace(two, weight=6), three, four)
    commands = engine.handle(applied(replace(WEB, destinations=changed)))
    assert swap_of(commands).wrr_changes == ((1, 4, 13), (1, 2, 15), (1, 2, 19))


def test_a_service_that_changes_to_weighted_round_robin_begins_at_its_top() -> None:
    engine = engine_after(applied(replace(WEB, scheduler=Scheduler.RR)))
    assert swap_of(engine.handle(applied(WEB))).wrr_changes == ((1, 1, 0), (1, 1, 4))


def test_a_service_that_changes_to_another_scheduler_begins_at_the_first() -> None:
    engine = engine_after(applied(WEB))
    commands = engine.handle(applied(replace(WEB, scheduler=Scheduler.RR)))
    assert swap_of(commands).wrr_changes == ((1, 1, 0),)


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


READY = (
    applied(DNS),
    LinkChanged(ETH0),
    RouteResolved(RS1, ON_LINK),
    NeighbourChanged(Neighbour(2, RS1, MAC1)),
)


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


def test_a_destination_that_lost_its_route_is_said_once() -> None:
    commands = engine_after(*READY).handle(RouteResolved(RS1, None))
    assert [line.event for line in logs_of(commands)] == ["destination unreachable"]
    assert kinds(commands) == [SwapTables]


def test_the_answer_for_a_destination_that_is_gone_is_ignored() -> None:
    engine = engine_after(applied(WEB), applied(DNS))
    assert engine.handle(RouteResolved(RS2, replace(ON_LINK, destination=RS2))) == []
    assert engine.next_hop_status() == (NextHopStatus(RS1, NextHopState.RESOLVING),)


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


def test_a_deleted_destination_gets_its_id_back_while_connections_refer_to_it() -> None:
    without = replace(WEB, destinations=WEB.destinations[1:])
    engine = engine_after(applied(WEB), applied(without))
    for _ in range(3):
        assert engine.handle(ConnectionsCounted(frozenset({1}))) == []
    assert engine.destination_of(1) == (KEY, WEB.destinations[0])
    commands = engine.handle(applied(WEB))
    assert (swap_of(commands).reset_destinations, engine.destination_id(KEY, RS1, 80)) == ((), 1)


def test_a_forgotten_id_is_cleared_before_another_uses_it() -> None:
    without = replace(WEB, destinations=WEB.destinations[1:])
    engine = engine_after(applied(WEB), applied(without), *(ConnectionsCounted(frozenset()),) * 2)
    assert engine.destination_of(1) is None
    commands = engine.handle(applied(without, DNS))
    assert (swap_of(commands).reset_services, swap_of(commands).reset_destinations) == ((2,), (1,))
    assert engine.destination_of(1) == (DNS_KEY, DNS.destinations[0])


def test_the_order_of_services_alone_is_no_new_image() -> None:
    engine = engine_after(applied(WEB, DNS))
    assert kinds(engine.handle(applied(DNS, WEB))) == []
    assert engine.configuration == Configuration((DNS, WEB))


def test_a_configuration_with_more_destinations_than_ids_changes_nothing() -> None:
    def crowd(network: int) -> tuple[VirtualService, ...]:
        """66 services of 1000 destinations: more than half of what the table has room for."""
        return tuple(
            VirtualService(
                replace(KEY, port=port),
                destinations=tuple(
                    Destination(IPAddress(network + 1000 * port + host), 80, NAT) for host in range(1000)
                ),
            )
            for port in range(1, 67)
        )

    engine = engine_after(applied(*crowd(0x0A000000)))
    engine.handle(applied())
    why = f"66000 new destinations, but room for {MAX_DESTS - 1 - 66000}"
    assert engine.handle(applied(*crowd(0x0B000000))) == [
        Log(Level.WARNING, "configuration refused", (("why", why),))
    ]
    assert engine.configuration == Configuration()


def test_the_state_of_each_way_is_told() -> None:
    engine = engine_after(applied(WEB), *READY[1:], RouteResolved(RS2, None))
    assert engine.next_hop_status() == (
        NextHopStatus(RS1, NextHopState.RESOLVED, "eth0", RS1, MAC1),
        NextHopStatus(RS2, NextHopState.NO_ROUTE),
    )
