# SPDX-License-Identifier: Apache-2.0
"""An edit costs what its own service costs, counted in lines of the image and in calls, never in time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType

import pytest
from netaddr import IPAddress

from director.commands import SwapTables
from director.config import edit
from director.config.diff import diff
from director.config.sharing import only_in
from director.engine import Engine
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.model.connection import Endpoint
from director.tables.layout import IDS_PER_LINE, LINE
from director.tables.lookup import lookup_size, stateless_size
from tests.unit.scene import applied, engine_after, swap_of

SERVICES, SERVERS, EDITED = 40, 10, 17
FEW, MANY = 2, 60


def service(number: int, servers: int, scheduler: Scheduler) -> VirtualService:
    first = IPAddress("10.0.0.0") + number * 256
    destinations = (Destination(first + each, 80, ForwardingMethod.DR) for each in range(1, servers + 1))
    key = ServiceKey(Protocol.TCP, IPAddress("192.0.2.0") + number, 80)
    return VirtualService(key, scheduler, destinations=tuple(destinations))


def services(around: int, scheduler: Scheduler = Scheduler.WLC) -> Iterator[VirtualService]:
    """One service of SERVERS servers among others that have as many as `around`."""
    for number in range(SERVICES):
        yield service(number, SERVERS if number == EDITED else around, scheduler)


def edited(configuration: Configuration) -> Configuration:
    """Give one server another weight, as the control API does."""
    one = configuration.services[EDITED]
    where = Endpoint(one.destinations[3].address, one.destinations[3].port)
    return edit.edit_destination(configuration, one.key, where, lambda it: replace(it, weight=5))


def lines(swap: SwapTables) -> list[bytes]:
    return [swap.image[at : at + LINE] for at in range(0, len(swap.image), LINE)]


@pytest.mark.parametrize("scheduler", Scheduler)
def test_an_edit_of_one_weight_changes_lines_of_its_own_service_only(scheduler: Scheduler) -> None:
    """The header, the destination, the line of the list that it stands in, the service where that knows the
    greatest weight, and the service's look-up table.
    """
    engine = Engine()
    before = lines(swap_of(engine.handle(applied(*services(SERVERS, scheduler)))))
    after = lines(swap_of(engine.handle(applied(*edited(engine.configuration).services))))
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    one = engine.configuration.services[EDITED]
    table = -(-(lookup_size(one) + stateless_size(one)) // IDS_PER_LINE)
    assert 3 <= len(changed) <= 4 + table


def test_an_edit_of_one_weight_makes_one_service_anew() -> None:
    before = Configuration(tuple(services(SERVERS)))
    after = edited(before)
    assert only_in(after, before) == (after.services[EDITED],)
    assert [change.before.weight for change in diff(before, after)] == [1]  # type: ignore[union-attr]


def calls_of_an_edit(around: int) -> int:
    """Count the calls of Python functions from the edit to its table image."""
    engine = engine_after(applied(*services(around)))
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        wanted = edited(engine.configuration)
        engine.new_addresses(wanted)
        diff(engine.configuration, wanted)
        commands = engine.handle(applied(*wanted.services))
    finally:
        sys.setprofile(None)
    assert swap_of(commands).generation == engine.generation
    return count


def test_what_an_edit_costs_does_not_depend_on_how_many_servers_the_other_services_have() -> None:
    calls_of_an_edit(FEW)  # what is cached by address is so from now on
    assert calls_of_an_edit(MANY) == calls_of_an_edit(FEW)
