# SPDX-License-Identifier: Apache-2.0
"""The engine's decisions about a new configuration, one by one: what is ordered, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.commands import (
    Command,
    EndConnections,
    Level,
    Log,
    Remember,
    ResetIds,
    ResolveRoute,
    SetAddresses,
    SetGuard,
    SwapTables,
)
from director.engine import Engine
from director.events import (
    ConfigurationApplied,
    ConnectionsCounted,
    LinkChanged,
)
from director.model import (
    Configuration,
    Destination,
    Scheduler,
    Settings,
    Timeouts,
    Tunables,
    VirtualService,
)
from director.tables import decode
from director.tables.layout import MAX_DESTS
from tests.unit.scene import (
    DNS,
    DNS_KEY,
    DR,
    ETH0,
    FROM_DNS,
    KEY,
    NAT,
    OTHER_VIP,
    RS1,
    RS2,
    TO_DNS,
    TO_WEB,
    VIP,
    WEB,
    applied,
    engine_after,
    image_of,
    kinds,
    logs_of,
    swap_of,
)


def test_the_first_configuration_guards_then_asks_then_swaps_then_binds() -> None:
    commands = Engine().handle(applied(WEB, DNS))
    swap = swap_of(commands)
    assert [command for command in commands if not isinstance(command, Log)] == [
        SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS})),
        ResolveRoute(RS1),
        ResolveRoute(RS2),
        ResetIds((1, 2), (1, 2, 3)),
        Remember((KEY, DNS_KEY)),
        swap,
        SetAddresses(frozenset({VIP, OTHER_VIP})),
    ]
    assert swap.generation == 1
    assert {key: service.id for key, service in decode(swap.image).services.items()} == {KEY: 1, DNS_KEY: 2}


def test_an_empty_first_configuration_still_gives_the_data_path_its_tables() -> None:
    commands = Engine().handle(applied())
    assert kinds(commands) == [SetGuard, SwapTables, SetAddresses]
    assert image_of(commands).services == {}


def test_nothing_is_swapped_before_the_first_configuration() -> None:
    assert Engine().handle(LinkChanged(ETH0)) == []


def test_a_removed_service_is_guarded_and_in_the_tables_until_no_connection_refers_to_it() -> None:
    engine = engine_after(applied(WEB, DNS))
    number = engine.destination_id(DNS_KEY, RS1, 5353)
    assert number is not None
    removed = engine.handle(applied(WEB))
    assert kinds(removed) == [SwapTables, SetAddresses]
    assert image_of(removed).services[DNS_KEY].gone
    counted = [engine.handle(ConnectionsCounted(frozenset(ids))) for ids in ({number}, {number}, (), ())]
    assert [kinds(commands) for commands in counted] == [[], [], [], [SwapTables, SetGuard]]
    assert set(image_of(counted[-1]).services) == {KEY}
    assert counted[-1][-1] == SetGuard(frozenset({TO_WEB}))


def test_a_removed_service_that_comes_back_is_new_but_for_its_servers() -> None:
    engine = engine_after(applied(WEB, DNS))
    number = engine.destination_id(DNS_KEY, RS1, 5353)
    engine.handle(applied(WEB))
    back = engine.handle(applied(WEB, DNS))
    again = image_of(back).services[DNS_KEY]
    assert (again.gone, again.listed) == (False, ((number, 1),))
    assert [c.services for c in back if isinstance(c, ResetIds)] == [(again.id,)]
    counted = [kinds(engine.handle(ConnectionsCounted(frozenset()))) for _ in range(3)]
    assert not any(SwapTables in each for each in counted)


def test_an_exchanged_service_is_guarded_with_the_old_one_until_that_has_no_connections() -> None:
    engine = engine_after(applied(DNS))
    commands = engine.handle(applied(WEB))
    assert kinds(commands) == [SetGuard, ResolveRoute, ResetIds, SwapTables, SetAddresses]
    counted = [engine.handle(ConnectionsCounted(frozenset())) for _ in range(2)]
    guards = [command for command in (*commands, *counted[1]) if isinstance(command, SetGuard)]
    assert guards == [SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS})), SetGuard(frozenset({TO_WEB}))]


@pytest.mark.parametrize("now", [(), (Destination(RS1, 53, DR, 1),)], ids=["deleted", "reached by DR"])
def test_a_nat_servers_replies_stay_guarded_while_connections_refer_to_it(
    now: tuple[Destination, ...],
) -> None:
    engine = engine_after(applied(DNS))
    number = engine.destination_id(DNS_KEY, RS1, 5353)
    assert number is not None
    assert SetGuard not in kinds(engine.handle(applied(replace(DNS, destinations=now))))
    counted = [
        [c for c in engine.handle(ConnectionsCounted(frozenset(ids))) if isinstance(c, SetGuard)]
        for ids in ({number}, {number}, (), ())
    ]
    assert counted == [[], [], [], [SetGuard(frozenset({TO_DNS}))]]


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


def test_a_deleted_destination_gets_its_id_back_while_connections_refer_to_it() -> None:
    without = replace(WEB, destinations=WEB.destinations[1:])
    engine = engine_after(applied(WEB), applied(without))
    for _ in range(3):
        assert engine.handle(ConnectionsCounted(frozenset({1}))) == []
    assert engine.destination_of(1) == (KEY, WEB.destinations[0])
    commands = engine.handle(applied(WEB))
    assert (resets(commands), engine.destination_id(KEY, RS1, 80)) == ([], 1)


def test_with_expire_nodest_conn_what_leads_to_a_deleted_destination_ends_after_the_swap() -> None:
    expiring = Tunables(expire_nodest_conn=1)
    one, none = (replace(WEB, destinations=WEB.destinations[:many]) for many in (1, 0))
    engine = engine_after(*(ConfigurationApplied(Configuration((each,))) for each in (WEB, one)))
    edits = (Configuration((each,), tunables=expiring) for each in (one, none, none))
    orders = [engine.handle(ConfigurationApplied(each)) for each in edits]
    assert [kinds(commands)[-2:] for commands in orders] == [
        [SwapTables],
        [SwapTables, EndConnections],
        [],
    ]
    assert set(ended_by(orders[1])) == {1, 2}


def ended_by(commands: list[Command]) -> tuple[int, ...]:
    return tuple(
        number
        for command in commands
        if isinstance(command, EndConnections)
        for number in command.destinations
    )


def test_a_forgotten_id_is_cleared_before_another_uses_it() -> None:
    without = replace(WEB, destinations=WEB.destinations[1:])
    engine = engine_after(applied(WEB), applied(without), *(ConnectionsCounted(frozenset()),) * 2)
    assert engine.destination_of(1) is None
    commands = engine.handle(applied(without, DNS))
    assert resets(commands) == [ResetIds((2,), (1,))]
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


def resets(commands: list[Command]) -> list[ResetIds]:
    return [command for command in commands if isinstance(command, ResetIds)]
