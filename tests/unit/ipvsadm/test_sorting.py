# SPDX-License-Identifier: Apache-2.0
"""The order of listings, which is that of wrapped 32-bit differences."""

from __future__ import annotations

from netaddr import IPAddress

from director.ipvsadm.sorting import servers_sorted, services_sorted
from director.ipvsadm.wire import ListedServer, ListedService
from director.model.service import Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService


def test_services_stand_by_mark_family_protocol_address_and_port() -> None:
    wanted = [
        ServiceKey.of_mark(0xFFFFFFFF),
        ServiceKey(Protocol.TCP, IPAddress("172.16.0.1"), 80),
        ServiceKey(Protocol.TCP, IPAddress("192.168.0.1"), 80),
        ServiceKey(Protocol.TCP, IPAddress("10.0.0.1"), 80),
        ServiceKey(Protocol.TCP, IPAddress("10.0.0.1"), 40000),
        ServiceKey(Protocol.UDP, IPAddress("10.0.0.1"), 53),
        ServiceKey(Protocol.SCTP, IPAddress("10.0.0.1"), 53),
        ServiceKey(Protocol.TCP, IPAddress("fe80::1"), 80),
        ServiceKey(Protocol.TCP, IPAddress("2001:db8::1"), 80),
        ServiceKey.of_mark(1),
        ServiceKey.of_mark(1, 6),
        ServiceKey.of_mark(2),
    ]
    listed = [ListedService(VirtualService(key)) for key in reversed(wanted)]
    assert [each.service.key for each in services_sorted(listed)] == wanted


def test_servers_stand_by_address_of_any_family_and_port() -> None:
    wanted = [("192.168.0.1", 80), ("10.0.0.1", 9), ("10.0.0.1", 80), ("2001:db8::1", 80), ("100.0.0.1", 80)]
    listed = [
        ListedServer(Destination(IPAddress(address), port, ForwardingMethod.TUN))
        for address, port in reversed(wanted)
    ]
    assert [(str(each.server.address), each.server.port) for each in servers_sorted(listed)] == wanted
