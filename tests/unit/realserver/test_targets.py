# SPDX-License-Identifier: Apache-2.0
"""The numbers and choices behind the targets: endpoints, segment sizes, who unwraps, which routes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import IPAddress, IPNetwork

from realserver.settings import (
    Decapsulation,
    Duty,
    Hop,
    IpipSupport,
    Method,
    Route,
    RouteKey,
    Tunnels,
    TunnelType,
)
from realserver.targets import (
    advmss_of,
    answering_routes,
    endpoints_of,
    told_mss,
    uses_kernel_tunnel,
    uses_program,
)
from tests.unit.realserver.simulated import ANYWHERE, CONNECTED, DEFAULT, GATEWAY, OWN, VIP, VIP6, fresh_host

TUN = Duty(Method.TUN, VIP, "eth0", endpoints=(OWN,), tunnels=Tunnels((TunnelType.IPIP,)))
ANY = Duty(Method.TUN, VIP, "eth0")
OWN6 = IPAddress("2001:db8:0:1::2")


def test_endpoints_are_those_asked_for_or_the_interfaces_own() -> None:
    given = (IPAddress("10.0.0.9"),)
    assert [endpoints_of(fresh_host(), each) for each in (ANY, replace(TUN, endpoints=given))] == [
        (OWN, OWN6),
        given,
    ]


SEGMENTS = (
    (TUN, 1440),
    (replace(TUN, mtu=9000), 8940),
    (replace(TUN, tunnels=Tunnels((TunnelType.GRE,))), 1432),
    (replace(TUN, tunnels=Tunnels((TunnelType.GRE, TunnelType.GUE))), 1420),
    (replace(TUN, endpoints=(OWN6,)), 1420),
    (replace(TUN, vip=VIP6), 1420),
    (replace(TUN, vip=VIP6, endpoints=(OWN, OWN6)), 1400),
    (ANY, 1420),
)


@pytest.mark.parametrize(("duty", "mss"), SEGMENTS)
def test_segment_leaves_room_for_all_headers(duty: Duty, mss: int) -> None:
    assert advmss_of(fresh_host(), duty) == mss


UNWRAPPERS = (
    (TUN, Decapsulation.AUTO, IpipSupport.MISSING, (False, True)),
    (TUN, Decapsulation.AUTO, IpipSupport.LOADABLE, (True, False)),
    (TUN, Decapsulation.AUTO, IpipSupport.LOADED, (True, False)),
    (TUN, Decapsulation.EBPF, IpipSupport.LOADED, (False, True)),
    (TUN, Decapsulation.KERNEL, IpipSupport.LOADABLE, (True, False)),
    (ANY, Decapsulation.AUTO, IpipSupport.LOADED, (True, True)),
    (ANY, Decapsulation.KERNEL, IpipSupport.LOADED, (True, False)),
    (replace(ANY, vip=VIP6), Decapsulation.AUTO, IpipSupport.LOADED, (False, True)),
    (replace(TUN, endpoints=(OWN6,)), Decapsulation.AUTO, IpipSupport.LOADED, (False, True)),
)


@pytest.mark.parametrize(("duty", "asked", "ipip", "unwrap"), UNWRAPPERS)
def test_kernel_unwraps_what_it_can_and_the_program_all_else(
    duty: Duty, asked: Decapsulation, ipip: IpipSupport, unwrap: tuple[bool, bool]
) -> None:
    have, asking = fresh_host(ipip=ipip), replace(duty, decapsulation=asked)
    assert (uses_kernel_tunnel(have, asking), uses_program(have, asking)) == unwrap


@dataclass(frozen=True)
class Told:
    says: str
    route: Route
    mss: int


TOLD = (
    Told("the interface's MTU", Route(GATEWAY, "eth0"), 1460),
    Told("the route's own MTU", Route(GATEWAY, "eth0", metrics=(("mtu", 1400),)), 1360),
    Told("the route's own MSS", Route(GATEWAY, "eth0", metrics=(("advmss", 1000), ("mtu", 1400))), 1000),
    Told("the smallest way's", Route(None, "", hops=(Hop(None, "lo", 0), Hop(None, "eth0", 0))), 1460),
)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.says)
def test_told_segment_size_comes_from(told: Told) -> None:
    assert told_mss(fresh_host(), told.route, 4) == told.mss


def test_routes_that_answer_are_default_routes_and_the_interfaces_settled_ones() -> None:
    have = fresh_host()
    learned, elsewhere, other_table, blackhole, metric = (
        RouteKey(254, IPNetwork("10.9.0.0/16"), 0), RouteKey(254, IPNetwork("10.8.0.0/16"), 0),
        RouteKey(100, ANYWHERE, 0), RouteKey(254, IPNetwork("10.7.0.0/16"), 0), RouteKey(254, ANYWHERE, 100),
    )  # fmt: skip
    settings = {
        **have.settings,
        learned: Route(GATEWAY, "eth0", protocol=186),
        elsewhere: Route(GATEWAY, "eth1"),
        other_table: Route(GATEWAY, "eth0"),
        blackhole: Route(None, "eth0", kind=6),
        metric: Route(GATEWAY, "eth1", protocol=186),
    }
    assert [key for key, _ in answering_routes(settings, "eth0", 4)] == [DEFAULT, CONNECTED, metric]
