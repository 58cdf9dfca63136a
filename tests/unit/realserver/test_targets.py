# SPDX-License-Identifier: Apache-2.0
"""The numbers and choices behind the targets: endpoints, segment sizes, who unwraps, which routes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import IPAddress, IPNetwork

from realserver.settings import Decapsulation, Duty, Hop, IpipSupport, Method, Route, RouteKey
from realserver.targets import advmss_of, answering_routes, endpoints_of, told_mss, uses_kernel_tunnel
from tests.unit.realserver.simulated import ANYWHERE, CONNECTED, DEFAULT, GATEWAY, OWN, VIP, fresh_host

TUN = Duty(Method.TUN, VIP, "eth0")


def test_endpoints_are_those_asked_for_or_the_interfaces_ipv4_addresses() -> None:
    given = (IPAddress("10.0.0.9"),)
    assert [endpoints_of(fresh_host(), each) for each in (TUN, replace(TUN, endpoints=given))] == [
        (OWN,),
        given,
    ]


def test_segment_leaves_room_for_both_headers() -> None:
    assert [advmss_of(fresh_host(), each) for each in (TUN, replace(TUN, mtu=9000))] == [1440, 8940]


UNWRAPPERS = (
    (Decapsulation.AUTO, IpipSupport.MISSING, False),
    (Decapsulation.AUTO, IpipSupport.LOADABLE, True),
    (Decapsulation.AUTO, IpipSupport.LOADED, True),
    (Decapsulation.EBPF, IpipSupport.LOADED, False),
    (Decapsulation.KERNEL, IpipSupport.LOADABLE, True),
)


@pytest.mark.parametrize(("asked", "ipip", "by_kernel"), UNWRAPPERS)
def test_kernel_unwraps_where_it_can_unless_told_otherwise(
    asked: Decapsulation, ipip: IpipSupport, by_kernel: bool
) -> None:
    assert uses_kernel_tunnel(fresh_host(ipip=ipip), replace(TUN, decapsulation=asked)) is by_kernel


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
    assert told_mss(fresh_host(), told.route) == told.mss


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
    assert [key for key, _ in answering_routes(settings, "eth0")] == [DEFAULT, CONNECTED, metric]
