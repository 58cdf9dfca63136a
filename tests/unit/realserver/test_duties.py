# SPDX-License-Identifier: Apache-2.0
"""What was asked for becomes duties: the interface is found, stray options are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import IPAddress

from realserver.duties import Request, duties_of
from realserver.errors import WantedError
from realserver.settings import Decapsulation, Duty, Method, Tunnels, TunnelType
from tests.unit.realserver.simulated import (
    DEFAULT,
    DIRECTOR,
    OTHER_DIRECTOR,
    OTHER_VIP,
    OWN,
    VIP,
    VIP6,
    fresh_host,
)

DR = Request((VIP,), Method.DR)
WITHOUT_DEFAULT = replace(
    fresh_host(), settings={key: value for key, value in fresh_host().settings.items() if key != DEFAULT}
)


def test_each_vip_becomes_a_duty_once() -> None:
    assert duties_of(fresh_host(), replace(DR, vips=(VIP, OTHER_VIP, VIP))) == (
        Duty(Method.DR, VIP, "eth0"), Duty(Method.DR, OTHER_VIP, "eth0"),
    )  # fmt: skip


@dataclass(frozen=True)
class Entrance:
    says: str
    request: Request
    interface: str


ENTRANCES = (
    Entrance("the one that was given", replace(DR, interface="eth1"), "eth1"),
    Entrance("the director's network", replace(DR, director=OTHER_DIRECTOR), "eth1"),
    Entrance(
        "the endpoint's network", Request((VIP,), Method.TUN, endpoints=(IPAddress("10.1.0.2"),)), "eth1"
    ),
    Entrance("the VIP's network", replace(DR, vips=(IPAddress("10.1.0.99"),)), "eth1"),
    Entrance("the default route's", DR, "eth0"),
    Entrance("the default route's for IPv6 too", replace(DR, vips=(VIP6,)), "eth0"),
)


@pytest.mark.parametrize("entrance", ENTRANCES, ids=lambda entrance: entrance.says)
def test_interface_is_found(entrance: Entrance) -> None:
    assert [duty.interface for duty in duties_of(fresh_host(), entrance.request)] == [entrance.interface]


def test_interface_that_cannot_be_found_is_asked_for() -> None:
    with pytest.raises(WantedError) as refused:
        duties_of(WITHOUT_DEFAULT, DR)
    assert str(refused.value) == (
        "which interface do the director's packets come in by? give --interface IF (found: eth0, eth1)"
    )


def test_source_has_a_table_even_where_none_is_given() -> None:
    request = Request((VIP,), Method.NAT, director=DIRECTOR, source=OWN)
    tables = [
        duty.table for each in (request, replace(request, table=7)) for duty in duties_of(fresh_host(), each)
    ]
    assert tables == [2000, 7]


TUNNELS = (
    (Request((VIP,), Method.TUN), Tunnels()),
    (Request((VIP,), Method.TUN, tunnel_port=7), Tunnels(port=7)),
    (
        Request((VIP,), Method.TUN, tunnels=(TunnelType.GUE, TunnelType.GRE, TunnelType.GUE)),
        Tunnels((TunnelType.GRE, TunnelType.GUE)),
    ),
)


@pytest.mark.parametrize(("request_", "tunnels"), TUNNELS)
def test_tunnels_are_all_or_those_that_were_named(request_: Request, tunnels: Tunnels) -> None:
    assert [duty.tunnels for duty in duties_of(fresh_host(), request_)] == [tunnels]


STRAY = (
    (replace(DR, source=OWN), "--source goes with --method nat, not with --method dr"),
    (replace(DR, mtu=1400), "--mtu goes with --method tun, not with --method dr"),
    (replace(DR, decapsulation=Decapsulation.EBPF), "--decap goes with --method tun, not with --method dr"),
    (replace(DR, tunnels=(TunnelType.GRE,)), "--tunnel goes with --method tun, not with --method dr"),
    (replace(DR, tunnel_port=7), "--tunnel-port goes with --method tun, not with --method dr"),
    (
        Request((VIP,), Method.TUN, tunnels=(TunnelType.GRE,), tunnel_port=7),
        "--tunnel-port goes with --tunnel gue: no other has a port",
    ),
    (Request((VIP,), Method.NAT, director=DIRECTOR, table=7), "--table goes with --source ADDRESS"),
    (
        Request((VIP,), Method.NAT, director=DIRECTOR, source=OWN, table=254),
        "--table 254 is one of the kernel's own (253 to 255): give another",
    ),
)


@pytest.mark.parametrize(("request_", "says"), STRAY, ids=[says for _, says in STRAY])
def test_option_that_the_method_does_not_heed_is_refused(request_: Request, says: str) -> None:
    with pytest.raises(WantedError) as refused:
        duties_of(fresh_host(), request_)
    assert str(refused.value) == says
