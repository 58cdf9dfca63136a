# SPDX-License-Identifier: Apache-2.0
"""A patch changes what it gives and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from netaddr import IPAddress

from director.config.errors import ConfigError
from director.config.load import document_from
from director.control.documents import DestinationPatch, ServicePatch
from director.control.patches import destination_edit, service_edit
from director.model import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)

KEY = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
HELD = Persistence(60, IPAddress("255.255.255.0"))
GRE = Tunnel(TunnelType.GRE, checksum=TunnelChecksum.CHECKSUM)
SERVER = Destination(IPAddress("10.0.0.2"), 53, ForwardingMethod.TUN, 4, 9, 3, GRE)


def service(**changes: Any) -> VirtualService:
    whole: dict[str, Any] = {"scheduler": Scheduler.RR, "persistence": HELD, "timeouts": (("udp", 7),)}
    return VirtualService(KEY, **{**whole, **changes})


SERVICES: dict[str, tuple[dict[str, object], VirtualService]] = {
    "nothing": ({}, service()),
    "the scheduler": (
        {"scheduler": "sh", "flags": ["sh-port"]},
        service(scheduler=Scheduler.SH, flags=frozenset({SchedulerFlag.SH_PORT})),
    ),
    "the persistence": ({"persistence": 90}, service(persistence=Persistence(90, HELD.mask))),
    "the mask": ({"persistence_mask": "16"}, service(persistence=Persistence(60, IPAddress("255.255.0.0")))),
    "no mask": ({"persistence_mask": ""}, service(persistence=Persistence(60))),
    "no persistence": ({"persistence": 0}, service(persistence=None)),
    "one packet": ({"one_packet": True}, service(one_packet=True)),
    "idle times as a whole": ({"timeouts": {"tcp_close": 1}}, service(timeouts=(("tcp_close", 1),))),
    "no idle times": ({"timeouts": {}}, service(timeouts=())),
}
SERVERS: dict[str, tuple[dict[str, object], Destination]] = {
    "nothing": ({}, SERVER),
    "limits": ({"upper": 5, "lower": 0}, Destination(SERVER.address, 53, SERVER.method, 4, 5, 0, GRE)),
    "another method, which has no tunnel": (
        {"method": "dr"},
        Destination(SERVER.address, 53, ForwardingMethod.DR, 4, 9, 3),
    ),
    "another tunnel, which has its own port and checksum": (
        {"tunnel": "gue", "tunnel_port": 6080},
        Destination(SERVER.address, 53, SERVER.method, 4, 9, 3, Tunnel(TunnelType.GUE, 6080)),
    ),
    "the tunnel that it has": ({"tunnel": "gre"}, SERVER),
}


@pytest.mark.parametrize(("given", "want"), SERVICES.values(), ids=SERVICES.keys())
def test_a_service_is_changed_by_what_is_given(given: dict[str, object], want: VirtualService) -> None:
    assert service_edit(document_from(ServicePatch, given))(service()) == want


@pytest.mark.parametrize(("given", "want"), SERVERS.values(), ids=SERVERS.keys())
def test_a_destination_is_changed_by_what_is_given(given: dict[str, object], want: Destination) -> None:
    assert destination_edit(document_from(DestinationPatch, given))(SERVER) == want


def test_an_idle_time_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"timeouts\.udp: 0 is below 1"):
        service_edit(document_from(ServicePatch, {"timeouts": {"udp": 0}}))


def test_a_mask_without_persistence_is_refused() -> None:
    edit = service_edit(document_from(ServicePatch, {"persistence_mask": "24"}))
    with pytest.raises(ConfigError, match="persistence_mask: a mask belongs to persistence"):
        edit(service(persistence=None))
