# SPDX-License-Identifier: Apache-2.0
"""Netlink messages become the model's nouns."""

from __future__ import annotations

from typing import Any

import pytest
from netaddr import EUI, IPAddress
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from director.host.messages import (
    InterfaceAddress,
    address_of,
    is_port,
    link_of,
    neighbour_of,
    route_of,
)
from director.model import Link, Neighbour, OwnAddress, Route

MAC = "02:00:00:00:00:01"
SERVER = IPAddress("10.0.0.2")
ETH0 = Link(3, "eth0", EUI(MAC), 1500, up=True)
UP, RUNNING = 0x1, 0x40


def message(kind: type, fields: dict[str, int], **attributes: Any) -> Any:
    made = kind()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = list(attributes.items())
    return made


def link_message(ifi_type: int = 1, flags: int = UP | RUNNING, **attributes: Any) -> Any:
    attributes = {"IFLA_IFNAME": "eth0", "IFLA_ADDRESS": MAC, "IFLA_MTU": 1500, **attributes}
    return message(ifinfmsg, {"index": 3, "ifi_type": ifi_type, "flags": flags}, **attributes)


def neighbour_message(state: int, family: int = 2, **attributes: Any) -> Any:
    attributes = {"NDA_DST": "10.0.0.2", **attributes}
    return message(ndmsg, {"ifindex": 3, "state": state, "family": family}, **attributes)


def route_message(type_: int = 1, **attributes: Any) -> Any:
    attributes = {"RTA_OIF": 3, "RTA_PREFSRC": "10.0.0.1", **attributes}
    return message(rtmsg, {"type": type_, "family": 2}, **attributes)


def metrics(mtu: int) -> Any:
    return message(rtmsg.metrics, {}, RTAX_MTU=mtu)


def route(**changed: Any) -> Route:
    fields = {"gateway": None, "source": IPAddress("10.0.0.1"), "mtu": 1500, **changed}
    return Route(destination=SERVER, interface=3, **fields)


def test_an_ethernet_link_that_is_on_and_has_a_carrier_is_up() -> None:
    assert link_of(link_message()) == ETH0


@pytest.mark.parametrize("flags", [0, UP, RUNNING])
def test_a_link_that_is_off_or_without_carrier_is_down(flags: int) -> None:
    assert link_of(link_message(flags=flags)) == Link(3, "eth0", EUI(MAC), 1500, up=False)


def test_a_loopback_or_tun_link_has_no_mac() -> None:
    assert [link_of(link_message(ifi_type=kind)).mac for kind in (772, 65534)] == [None, None]


def test_a_port_has_a_master() -> None:
    assert (is_port(link_message()), is_port(link_message(IFLA_MASTER=9))) == (False, True)


@pytest.mark.parametrize("state", [0x02, 0x04, 0x08, 0x10, 0x80])
def test_a_neighbour_that_the_kernel_would_use_has_its_mac(state: int) -> None:
    got = neighbour_of(neighbour_message(state, NDA_LLADDR=MAC))
    assert got == Neighbour(3, SERVER, EUI(MAC))


@pytest.mark.parametrize("state", [0x00, 0x01, 0x20, 0x40])
def test_a_neighbour_that_is_not_resolved_has_no_mac(state: int) -> None:
    assert neighbour_of(neighbour_message(state, NDA_LLADDR=MAC)) == Neighbour(3, SERVER, None)


def test_a_forwarding_entry_of_a_bridge_is_no_neighbour() -> None:
    assert neighbour_of(neighbour_message(0x80, family=7, NDA_LLADDR=MAC)) is None


def test_the_hosts_own_end_of_a_point_to_point_link_is_its_address() -> None:
    fields = {"index": 3, "prefixlen": 32, "family": 2}
    got = address_of(message(ifaddrmsg, fields, IFA_LOCAL="10.0.0.1", IFA_ADDRESS="10.0.0.2"))
    assert got == InterfaceAddress(3, IPAddress("10.0.0.1"), 32)


def test_an_address_holds_its_subnet() -> None:
    held = InterfaceAddress(3, IPAddress("10.0.0.1"), 24)
    assert [held.holds(IPAddress(other)) for other in ("10.0.0.9", "10.0.1.9", "2001:db8::1")] == [
        True,
        False,
        False,
    ]


CASES = {
    "on the link": (route_message(), route()),
    "by a gateway": (route_message(RTA_GATEWAY="10.0.0.254"), route(gateway=IPAddress("10.0.0.254"))),
    "by a gateway of the other family": (
        route_message(RTA_VIA={"family": 10, "addr": "fe80::1"}),
        route(gateway=IPAddress("fe80::1")),
    ),
    "with an MTU of its own": (
        route_message(RTA_METRICS=metrics(mtu=1400)),
        route(mtu=1400),
    ),
    "with an MTU that the link can't carry": (
        route_message(RTA_METRICS=metrics(mtu=9000)),
        route(mtu=1500),
    ),
    "local": (route_message(type_=2), OwnAddress()),
    "broadcast": (route_message(type_=3), None),
    "blackhole": (route_message(type_=6), None),
    "on a link that is gone": (route_message(RTA_OIF=9), None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_route_is_read_or_refused(case: str) -> None:
    given, wanted = CASES[case]
    assert route_of(SERVER, given, {3: ETH0}) == wanted
