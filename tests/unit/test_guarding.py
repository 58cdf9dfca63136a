# SPDX-License-Identifier: Apache-2.0
"""Which packets are kept from the local stack."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPNetwork

from director.commands import GuardKey, GuardRule, GuardSide, SetGuard
from director.guarding import Guards, guard_keys, guard_rules, translated
from director.model import Configuration, MarkRule, Persistence, Protocol, ServiceKey
from tests.unit.scene import DNS, FROM_DNS, RS1, RS2, TO_DNS, TO_WEB, WEB


def test_replies_are_guarded_of_translated_servers_alone() -> None:
    assert (guard_keys(WEB, frozenset()), guard_keys(DNS, frozenset())) == ({TO_WEB}, {TO_DNS, FROM_DNS})
    assert (translated(WEB), translated(DNS)) == (frozenset(), {(RS1, 5353)})


def test_a_server_that_lingers_is_guarded_as_well() -> None:
    lingering = GuardKey(GuardSide.FROM, Protocol.UDP, RS2, 5353)
    assert guard_keys(DNS, frozenset({(RS2, 5353)})) == {TO_DNS, FROM_DNS, lingering}


def test_what_answers_a_packet_scheduled_alone_is_the_stack_s() -> None:
    assert guard_keys(replace(DNS, one_packet=True), frozenset()) == {TO_DNS}


def test_a_mark_s_servers_reply_in_every_protocol_and_nothing_goes_to_its_key() -> None:
    marked = replace(DNS, key=ServiceKey.of_mark(7))
    replies = {GuardKey(GuardSide.FROM, protocol, RS1, 5353) for protocol in Protocol}
    assert guard_keys(marked, frozenset()) == replies
    assert guard_keys(replace(marked, one_packet=True), frozenset()) == replies - {FROM_DNS}
    assert guard_keys(replace(marked, persistence=Persistence(9)), frozenset()) == {
        replace(reply, port=0) for reply in replies
    }


def test_a_persistent_service_of_ftp_has_its_data_too() -> None:
    ftp = replace(WEB, key=replace(WEB.key, port=21))
    kept = replace(ftp, persistence=Persistence(9))
    assert guard_keys(ftp, frozenset()) == {replace(TO_WEB, port=21)}
    assert guard_keys(kept, frozenset()) == {replace(TO_WEB, port=21, data=True)}


NETWORK = IPNetwork("192.0.2.0/24")
UNSERVED, SERVED = MarkRule(8, NETWORK, Protocol.UDP, 5, 6), MarkRule(7, NETWORK)
PASSED = GuardRule(NETWORK, Protocol.UDP, 5, 6, served=False)
TAKEN = GuardRule(NETWORK, None, 0, 65535, served=True)


def test_rules_without_a_service_stand_where_they_keep_something_from_a_later_one() -> None:
    services = (replace(WEB, key=ServiceKey.of_mark(7)),)
    marks = (UNSERVED, SERVED, UNSERVED)
    assert guard_rules(Configuration(services=services, marks=marks)) == (PASSED, TAKEN)
    assert guard_rules(Configuration(marks=marks)) == ()
    of_ipv6 = (replace(WEB, key=ServiceKey.of_mark(7, 6)),)
    assert guard_rules(Configuration(services=of_ipv6, marks=marks)) == ()


def test_while_rules_change_the_old_ones_hold_too() -> None:
    guards = Guards()
    assert [*guards.widened(), *guards.narrowed()] == [SetGuard(frozenset())]
    guards.set_rules((TAKEN,))
    assert [*guards.widened(), *guards.narrowed()] == [SetGuard(frozenset(), ((TAKEN,),))]
    guards.set_rules((PASSED, TAKEN))
    assert [*guards.widened(), *guards.narrowed()] == [
        SetGuard(frozenset(), ((TAKEN,), (PASSED, TAKEN))),
        SetGuard(frozenset(), ((PASSED, TAKEN),)),
    ]
    guards.set_rules(())
    assert [*guards.widened(), *guards.narrowed()] == [SetGuard(frozenset())]
