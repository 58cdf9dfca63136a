# SPDX-License-Identifier: Apache-2.0
"""Which packets are kept from the local stack."""

from __future__ import annotations

from director.commands import GuardKey, GuardSide
from director.guarding import guard_keys, translated
from director.model import Protocol
from tests.unit.scene import DNS, FROM_DNS, RS1, RS2, TO_DNS, TO_WEB, WEB


def test_replies_are_guarded_of_translated_servers_alone() -> None:
    assert (guard_keys(WEB, frozenset()), guard_keys(DNS, frozenset())) == ({TO_WEB}, {TO_DNS, FROM_DNS})
    assert (translated(WEB), translated(DNS)) == (frozenset(), {(RS1, 5353)})


def test_a_server_that_lingers_is_guarded_as_well() -> None:
    lingering = GuardKey(GuardSide.FROM, Protocol.UDP, RS2, 5353)
    assert guard_keys(DNS, frozenset({(RS2, 5353)})) == {TO_DNS, FROM_DNS, lingering}
