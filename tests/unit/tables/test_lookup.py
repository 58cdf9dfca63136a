# SPDX-License-Identifier: Apache-2.0
"""The hashing schedulers' tables as ids, and what decides over them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.model import Destination, ForwardingMethod, Protocol, Scheduler, ServiceKey, VirtualService
from director.scheduling import stateless
from director.scheduling.maglev import Member
from director.tables.ids import ServiceIds
from director.tables.layout import LINE, MH_SIZE, SH_SIZE
from director.tables.lookup import (
    DestinationHashInput,
    MaglevInput,
    NoTable,
    SourceHashInput,
    StatelessInput,
    lookup_input,
    lookup_lines,
    lookup_size,
    stateless_size,
)

ONE, TWO = IPAddress("10.0.0.2"), IPAddress("10.0.0.3")
SERVICE = VirtualService(
    ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80),
    Scheduler.SH,
    destinations=(
        Destination(ONE, 8080, ForwardingMethod.NAT, 2),
        Destination(TWO, 80, ForwardingMethod.DR, 0),
    ),
)
IDS = ServiceIds(1, (7, 9), (2, 4))


def test_the_weights_decide_over_buckets_in_list_order() -> None:
    assert lookup_input(SERVICE, IDS) == SourceHashInput((9, 7), (0, 2))


def test_address_port_and_last_weight_decide_over_a_maglev_table_in_list_order() -> None:
    given = lookup_input(replace(SERVICE, scheduler=Scheduler.MH), IDS)
    assert given == MaglevInput((9, 7), (Member(TWO, 80, 4), Member(ONE, 8080, 2)))


@pytest.mark.parametrize("scheduler", [Scheduler.RR, Scheduler.WRR, Scheduler.LC, Scheduler.WLC])
def test_other_schedulers_have_the_table_of_the_choice_without_a_memory(scheduler: Scheduler) -> None:
    service = replace(SERVICE, scheduler=scheduler)
    given = lookup_input(service, IDS)
    assert given == StatelessInput((9, 7), (stateless.Member(TWO, 80, 0), stateless.Member(ONE, 8080, 2)))
    assert (lookup_size(service), stateless_size(service)) == (0, 61)
    assert given.table() == (7,) * 61


def test_the_members_alone_decide_over_the_buckets_of_addresses() -> None:
    given = lookup_input(replace(SERVICE, scheduler=Scheduler.DH), IDS)
    assert given == DestinationHashInput((9, 7))
    assert given.table() == (9, 7) * (SH_SIZE // 2)


@pytest.mark.parametrize("scheduler", [Scheduler.FO, Scheduler.NONE])
def test_who_always_chooses_alike_or_nobody_needs_no_table(scheduler: Scheduler) -> None:
    service = replace(SERVICE, scheduler=scheduler)
    given = lookup_input(service, IDS)
    assert given == NoTable()
    assert (lookup_size(service), stateless_size(service), lookup_lines(given)) == (0, 0, b"")


@pytest.mark.parametrize("scheduler", [Scheduler.SH, Scheduler.DH, Scheduler.MH])
def test_a_scheduler_that_hashes_needs_no_other_table(scheduler: Scheduler) -> None:
    assert stateless_size(replace(SERVICE, scheduler=scheduler)) == 0


def test_a_table_holds_ids_and_fills_whole_lines() -> None:
    lines = lookup_lines(SourceHashInput((9, 7), (0, 2)))
    assert (len(lines), lines[:16].hex(" ", 4)) == (4 * SH_SIZE, "09000000 07000000 07000000 09000000")
    assert len(lookup_lines(MaglevInput((9,), (Member(TWO, 80, 4),)))) == 256 * LINE


def test_a_table_of_nobody_holds_zeros() -> None:
    assert SourceHashInput((), ()).table() == (0,) * SH_SIZE
    assert MaglevInput((9,), (Member(TWO, 80, 0),)).table() == (0,) * MH_SIZE
