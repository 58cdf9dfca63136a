# SPDX-License-Identifier: Apache-2.0
"""What the nouns promise beyond holding their parts."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress, IPNetwork

from realserver.settings import (
    Decap,
    Duty,
    InterfaceAddress,
    Method,
    Port,
    Route,
    RouteKey,
    SysctlKey,
    Transport,
)
from tests.unit.realserver.simulated import OTHER_VIP, OWN, VIP, fresh_host


def test_advmss_replaces_the_old_one_and_keeps_other_metrics() -> None:
    route = Route(None, "eth0", metrics=(("advmss", 1460), ("mtu", 1500)))
    changed = route.with_advmss(1440)
    assert (changed.metrics, changed.advmss, route.advmss) == ((("advmss", 1440), ("mtu", 1500)), 1440, 1460)
    assert Route(None, "eth0").advmss is None


def test_program_is_known_by_its_fingerprint_alone() -> None:
    full = Decap.of((OWN,), (VIP,))
    assert full == Decap(full.fingerprint)
    assert (
        len({full, Decap.of((OWN,), (OTHER_VIP,)), Decap.of((OWN, VIP), ()), Decap.of((), (OWN, VIP))}) == 4
    )


def test_only_a_route_to_everywhere_is_a_default_route() -> None:
    networks = ("0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.0/8")
    assert [RouteKey(254, IPNetwork(each), 0).is_default for each in networks] == [True, True, False, False]


def test_address_reaches_its_own_network() -> None:
    own = InterfaceAddress(OWN, 24)
    assert [own.reaches(IPAddress(each)) for each in ("10.0.0.255", "10.0.1.0", "::1")] == [
        True,
        False,
        False,
    ]


def test_duty_is_another_by_method_vip_or_source_alone() -> None:
    duty = Duty(Method.NAT, VIP, "eth0")
    same = replace(duty, interface="eth1", mtu=1400)
    others = (replace(duty, method=Method.DR), replace(duty, vip=OTHER_VIP), replace(duty, source=OWN))
    assert same.identity == duty.identity
    assert len({each.identity for each in (duty, *others)}) == 4


def test_names_are_the_kernels() -> None:
    assert [str(each) for each in (SysctlKey("ipv4", "eth0.5", "arp_ignore"), Port(Transport.UDP, 53))] == [
        "net.ipv4.conf.eth0.5.arp_ignore", "udp/53",
    ]  # fmt: skip


def test_interface_is_found_by_its_name() -> None:
    have = fresh_host()
    assert (have.interface("eth1"), have.interface("eth9")) == (have.interfaces[2], None)
