# SPDX-License-Identifier: Apache-2.0
"""Many edits as one."""

from __future__ import annotations

from typing import Any

import pytest
from netaddr import IPAddress

from director.config import batch
from director.config.errors import ConfigError, Conflict
from director.model.configuration import Configuration, Timeouts
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DR = ForwardingMethod.DR
SERVICE = {"protocol": "tcp", "address": "192.0.2.1:80"}
SERVER = {"address": "10.0.0.2:80", "method": "dr"}
ADD = {"do": "add-service", "service": SERVICE}
ADD_SERVER = {"do": "add-destination", "service": str(WEB), "destination": SERVER}


def edited(*edits: dict[str, Any], before: Configuration | None = None) -> Configuration:
    return batch.apply(before or Configuration(), batch.steps_from({"edits": list(edits)}))


def refused(*edits: Any) -> tuple[list[str], Conflict]:
    with pytest.raises(ConfigError) as error:
        edited(*edits)
    return [fault.key for fault in error.value.faults], error.value.conflict


def test_edits_are_done_in_their_order() -> None:
    first = Destination(IPAddress("10.0.0.2"), 80, DR)
    after = edited(
        ADD,
        ADD_SERVER,
        {**ADD_SERVER, "destination": {**SERVER, "address": "10.0.0.3:80"}},
        {"do": "delete-destination", "service": str(WEB), "destination": "10.0.0.3:80"},
        {"do": "set-timeouts", "timeouts": {"udp": 7}},
    )
    assert after == Configuration((VirtualService(WEB, destinations=(first,)),), Timeouts(udp=7))


def test_to_replace_keeps_what_the_noun_does_not_have() -> None:
    before = edited({**ADD, "service": {**SERVICE, "timeouts": {"udp": 9}}}, ADD_SERVER)
    after = edited(
        {"do": "replace-service", "service": {**SERVICE, "scheduler": "rr"}},
        {**ADD_SERVER, "do": "replace-destination", "destination": {**SERVER, "weight": 5}},
        before=before,
    )
    servers = (Destination(IPAddress("10.0.0.2"), 80, DR, 5),)
    assert after.services == (
        VirtualService(WEB, Scheduler.RR, destinations=servers, timeouts=(("udp", 9),)),
    )


def test_services_can_be_deleted_one_by_one_or_all() -> None:
    assert edited(ADD, {"do": "delete-service", "service": str(WEB)}) == Configuration()
    assert edited(ADD, ADD_SERVER, {"do": "clear"}) == Configuration()


def test_the_edit_that_can_not_be_done_is_named() -> None:
    assert refused(ADD, ADD) == (["edits[1]"], Conflict.EXISTS)
    assert refused(ADD_SERVER) == (["edits[0]"], Conflict.MISSING)
    assert refused(ADD, ADD_SERVER, ADD_SERVER) == (["edits[2]"], Conflict.EXISTS)
    assert refused({"do": "delete-service", "service": str(WEB)}) == (["edits[0]"], Conflict.MISSING)


def test_every_fault_of_what_is_written_is_named() -> None:
    faults = refused(
        {"do": "add-service", "service": {**SERVICE, "scheduler": "x"}},
        {"do": "no-such"},
        {**ADD_SERVER, "destination": {**SERVER, "weight": -1}},
        {"do": "delete-service"},
        {"do": "set-timeouts", "timeouts": {"x": 1}},
        7,
    )
    assert faults == (
        [
            "edits[0].service.scheduler",
            "edits[1].do",
            "edits[2].destination.weight",
            "edits[3].service",
            "edits[4].timeouts.x",
            "edits[5]",
        ],
        Conflict.NONE,
    )
