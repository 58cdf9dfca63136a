# SPDX-License-Identifier: Apache-2.0
"""An engine that goes on where another one ended: the first configuration is an edit of what was in force."""

from __future__ import annotations

from dataclasses import replace

from director.commands import Command, Log, Remember, ResetIds, SetGuard
from director.engine import Engine
from director.events import ConfigurationApplied, ConnectionsCounted
from director.model import Configuration, Timeouts, VirtualService
from director.tables.decode import decode
from director.tables.held import HeldService
from tests.unit.scene import (
    DNS,
    DNS_KEY,
    FROM_DNS,
    KEY,
    RS1,
    TO_DNS,
    TO_WEB,
    WEB,
    applied,
    engine_after,
    swap_of,
)

QUIET = replace(WEB, destinations=tuple(replace(one, weight=0) for one in WEB.destinations))
WITHOUT_FIRST = replace(WEB, destinations=WEB.destinations[1:])


def heir(engine: Engine) -> Engine:
    new = Engine()
    new.inherit(engine.configuration, tuple(engine.held_services()))
    return new


def of(kind: type[Command], commands: list[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


def test_what_is_configured_as_before_keeps_its_ids_and_its_cursors() -> None:
    engine = heir(engine_after(applied(WEB), applied(DNS, WEB)))
    commands = engine.handle(applied(WEB, DNS))
    swap = swap_of(commands)
    assert {key: found.id for key, found in decode(swap.image).services.items()} == {KEY: 1, DNS_KEY: 2}
    assert (swap.wrr_changes, of(ResetIds, commands), of(Remember, commands)) == ((), [], [])
    assert of(SetGuard, commands) == [SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS}))]


def test_what_changed_meanwhile_is_an_edit() -> None:
    before = engine_after(applied(WEB, DNS))
    live = before.handle(applied(WITHOUT_FIRST))
    restarted = heir(engine_after(applied(WEB, DNS))).handle(applied(WITHOUT_FIRST))
    assert of(Log, restarted) == of(Log, live)
    assert of(Remember, restarted) == of(Remember, live)
    assert swap_of(restarted).wrr_changes == swap_of(live).wrr_changes


def test_a_server_that_was_deleted_gets_its_id_back_from_the_next_process() -> None:
    engine = heir(engine_after(applied(WEB), applied(WITHOUT_FIRST)))
    engine.handle(applied(WITHOUT_FIRST))
    assert engine.destination_of(1) == (KEY, WEB.destinations[0])
    engine.handle(ConnectionsCounted(frozenset({1})))
    commands = engine.handle(applied(WEB))
    assert (of(ResetIds, commands), engine.destination_id(KEY, RS1, 80)) == ([], 1)


def test_ids_that_nothing_refers_to_are_free_again() -> None:
    engine = heir(engine_after(applied(WEB, DNS), applied(WITHOUT_FIRST)))
    engine.handle(applied(WITHOUT_FIRST))
    told = [engine.handle(ConnectionsCounted(frozenset())) for _ in range(4)]
    assert [engine.destination_of(number) is not None for number in (1, 2, 3)] == [False, True, False]
    assert [command.services for each in told for command in each if isinstance(command, Remember)] == [
        (KEY, DNS_KEY),
        (DNS_KEY,),
    ]
    assert engine.held(DNS_KEY) == HeldService(DNS_KEY)
    assert of(ResetIds, engine.handle(applied(WITHOUT_FIRST, DNS))) == [ResetIds((2,), (1,))]


def test_a_nat_server_that_lingers_stays_guarded() -> None:
    nobody = replace(DNS, destinations=())
    engine = heir(engine_after(applied(DNS), applied(nobody)))
    assert of(SetGuard, engine.handle(applied(nobody))) == [SetGuard(frozenset({TO_DNS, FROM_DNS}))]
    for _ in range(2):
        commands = engine.handle(ConnectionsCounted(frozenset()))
    assert of(SetGuard, commands) == [SetGuard(frozenset({TO_DNS}))]


def test_options_are_remembered_when_they_change() -> None:
    engine = heir(engine_after(applied(WEB)))
    patient = Configuration((WEB,), timeouts=Timeouts(udp=30))
    told = [of(Remember, engine.handle(event)) for event in (applied(WEB), ConfigurationApplied(patient))]
    assert told == [[], [Remember(())]]


def test_the_last_weight_of_a_quiesced_server_is_known() -> None:
    def weights(engine: Engine) -> tuple[int, ...]:
        return tuple(one.last_weight for one in engine.held(KEY).destinations)

    before = engine_after(applied(WEB), applied(QUIET))
    after = heir(before)
    after.handle(applied(QUIET))
    assert weights(before) == weights(after) == (4, 3)


def test_a_deleted_service_that_connections_refer_to_is_kept_by_the_next_process() -> None:
    before = engine_after(applied(WEB, DNS))
    number = before.destination_id(DNS_KEY, RS1, 5353)
    assert number is not None
    before.handle(applied(WEB))
    engine = heir(before)
    commands = engine.handle(applied(WEB))
    assert decode(swap_of(commands).image).services[DNS_KEY].gone
    assert of(SetGuard, commands) == [SetGuard(frozenset({TO_WEB, TO_DNS, FROM_DNS}))]
    counted = [engine.handle(ConnectionsCounted(frozenset(ids))) for ids in ({number}, (), ())]
    assert [of(SetGuard, each) for each in counted] == [[], [], [SetGuard(frozenset({TO_WEB}))]]
    assert set(decode(swap_of(counted[-1]).image).services) == {KEY}


def test_a_census_before_the_first_configuration_frees_nothing() -> None:
    engine = heir(engine_after(applied(WEB), applied()))
    for _ in range(5):
        assert engine.handle(ConnectionsCounted(frozenset())) == []
    assert engine.destination_of(1) == (KEY, WEB.destinations[0])


def test_what_is_held_does_not_change_by_handing_it_on() -> None:
    configurations: tuple[tuple[VirtualService, ...], ...] = ((WEB, DNS), (WITHOUT_FIRST,), (DNS, QUIET), ())
    engine = Engine()
    for services in configurations:
        engine = heir(engine)
        engine.handle(ConfigurationApplied(Configuration(services)))
        again = heir(engine)
        again.handle(ConfigurationApplied(Configuration(services)))
        assert {one.key: one for one in again.held_services()} == {
            one.key: one for one in engine.held_services()
        }
