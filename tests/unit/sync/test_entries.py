# SPDX-License-Identifier: Apache-2.0
"""Connections said to others, and what others say made connections of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from netaddr import IPAddress

from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    ServiceKey,
    Timeouts,
    Tunables,
    VirtualService,
)
from director.model.sync import SyncedFlow
from director.sync.entries import Translator, makes_sense
from director.sync.message import Entry, Flags, read
from director.tables.ids import ServiceIds
from director.tables.layout import Timeout
from tests.interop.sync import recording

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
VIP, ONE = IPAddress("192.0.2.1"), IPAddress("10.0.0.11")
CLIENT = IPAddress("198.51.100.7").packed
TCP = ServiceKey(Protocol.TCP, VIP, 80)
MARK = ServiceKey.of_mark(7)


@dataclass(frozen=True)
class Known:
    """Services whose destinations have the ids 1, 2, 3 in their order."""

    configuration: Configuration

    def destination_of(self, number: int) -> tuple[ServiceKey, Destination] | None:
        pairs = [(s.key, d) for s in self.configuration.services for d in s.destinations]
        return pairs[number - 1] if number <= len(pairs) else None

    def numbered(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None:
        number = 1
        for service in self.configuration.services:
            ids = tuple(range(number, number + len(service.destinations)))
            if service.key == key:
                return service, ServiceIds(1, ids, ids)
            number += len(ids)
        return None


def translator(*services: VirtualService, **more: object) -> Translator:
    return Translator(Known(Configuration(services, **more)))  # type: ignore[arg-type]


def service(method: ForwardingMethod, port: int = 80, key: ServiceKey = TCP) -> VirtualService:
    return VirtualService(key, destinations=(Destination(ONE, port, method),))


def at_six(service: VirtualService) -> VirtualService:
    return replace(service, destinations=(replace(service.destinations[0], address=IPAddress("fd00::11")),))


def flow(method: ForwardingMethod = DR, **more: object) -> SyncedFlow:
    whole = SyncedFlow(6, CLIENT, 40000, VIP.packed, 80, 1, Timeout.TCP_ESTABLISHED, 5000, 3, method)
    return replace(whole, **more)  # type: ignore[arg-type]


def entry(**more: object) -> Entry:
    whole = Entry(6, 0x83, 1, 40000, 80, 80, 0, 900, CLIENT, VIP.packed, ONE.packed)
    return replace(whole, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "port", "flags"), [(DR, 80, 0x83), (TUN, 80, 0x82), (NAT, 8080, 0)], ids=["dr", "tun", "nat"]
)
def test_a_connection_is_said_as_a_kernel_says_it(method: ForwardingMethod, port: int, flags: int) -> None:
    assert translator(service(method, port)).entries([flow(method)]) == [entry(flags=flags, dport=port)]


@pytest.mark.parametrize(("method", "port"), [(DR, 80), (TUN, 80), (NAT, 8080)], ids=["dr", "tun", "nat"])
def test_all_that_a_kernel_said_of_a_connection_is_said_again_the_same(
    method: ForwardingMethod, port: int
) -> None:
    speaks = translator(service(method, port))
    for datagram in recording.heard(f"master: tcp {method.value}, from the handshake to the end"):
        said = read(datagram).entries
        assert speaks.entries(map(speaks.flow, said)) == list(said)  # type: ignore[arg-type]


HELD = Persistence(300)
WEB6 = ServiceKey(Protocol.TCP, IPAddress("2001:db8::1"), 80)
PERSISTENT = {
    "a persistent service": service(DR),
    "a persistent service of all ports": service(DR, 0, ServiceKey(Protocol.TCP, VIP, 0)),
    "a persistent service of all ports, nat": service(NAT, 0, ServiceKey(Protocol.TCP, VIP, 0)),
    "a persistent service by networks": service(DR),
    "a persistent service, nat": service(NAT, 8080),
    "a persistent service by the default threshold": service(DR),
    "a persistent mark": service(DR, 0, MARK),
    "persistent ftp": service(DR, 21, ServiceKey(Protocol.TCP, VIP, 21)),
    "a persistent udp service": service(DR, 53, ServiceKey(Protocol.UDP, VIP, 53)),
    "a persistent service over ipv6": at_six(service(DR, key=WEB6)),
    "a persistent mark over ipv6": at_six(service(DR, 0, ServiceKey.of_mark(7, 6))),
}


@pytest.mark.parametrize("name", PERSISTENT)
def test_all_that_a_kernel_said_of_templates_is_said_again_the_same(name: str) -> None:
    speaks = translator(replace(PERSISTENT[name], persistence=HELD))
    for datagram in recording.heard(f"master: {name}"):
        said = read(datagram).entries
        assert all(map(makes_sense, said))
        assert any(each.is_template for each in said)
        assert speaks.entries(map(speaks.flow, said)) == list(said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("protocol", "state", "ours"),
    [(Protocol.UDP, 0, Timeout.UDP), (Protocol.SCTP, 8, Timeout.SCTP_ESTABLISHED)],
    ids=["udp", "sctp"],
)
def test_states_of_other_protocols_are_numbered_from_0(protocol: Protocol, state: int, ours: Timeout) -> None:
    both_ways = translator(service(DR, key=ServiceKey(protocol, VIP, 80)))
    found = both_ways.flow(entry(protocol=protocol.number, state=state))
    assert found == flow(protocol=protocol.number, state=ours, expires_in=900_000)
    (said,) = both_ways.entries([flow(protocol=protocol.number, state=ours)])
    seconds = {Protocol.UDP: 300, Protocol.SCTP: 900}[protocol]
    inactive = Flags.INACTIVE if protocol is Protocol.UDP else 0
    assert said == entry(protocol=protocol.number, state=state, timeout=seconds, flags=0x83 | inactive)


def test_a_services_own_idle_times_are_said() -> None:
    own = replace(service(DR), timeouts=(("tcp_established", 60),))
    said = translator(own, timeouts=Timeouts(tcp_fin_wait=33)).entries([flow(), flow(state=4)])
    assert [each.timeout for each in said] == [60, 33]


def test_a_connection_without_a_destination_here_is_not_said() -> None:
    assert translator(service(DR)).entries([flow(destination=2), flow()]) == [entry()]


def test_with_sync_persist_mode_connections_of_persistent_services_are_not_said() -> None:
    persistent = replace(service(DR), persistence=Persistence(300))
    assert translator(persistent, tunables=Tunables(sync_persist_mode=1)).entries([flow()]) == []
    assert translator(persistent).entries([flow()]) == [entry()]


def test_with_sync_persist_mode_templates_are_said() -> None:
    persistent = translator(replace(service(DR), persistence=HELD), tunables=Tunables(sync_persist_mode=1))
    assert persistent.entries([template(), flow()]) == [TEMPLATE]


def template(**more: object) -> SyncedFlow:
    whole = SyncedFlow(6, CLIENT, 0, VIP.packed, 80, 1, 1, 300_000, 0, DR, template=True)
    return replace(whole, **more)  # type: ignore[arg-type]


TEMPLATE = entry(flags=0x1183, cport=0, timeout=300)


def test_a_template_has_its_servers_method_and_its_own_time() -> None:
    both_ways = translator(service(NAT, 8080))
    assert both_ways.entries([template(expires_in=60_000, state=0, method=None)]) == [
        replace(TEMPLATE, flags=0x1100, dport=8080, timeout=60, state=0)
    ]
    assert both_ways.flow(replace(TEMPLATE, flags=0x1100, dport=8080)) == template(method=NAT)
    assert both_ways.flow(TEMPLATE) is None


def test_a_template_of_which_no_time_is_told_has_three_minutes() -> None:
    assert translator(service(DR)).flow(replace(TEMPLATE, timeout=0)) == template(expires_in=180_000)


def test_a_template_between_families_is_not_said() -> None:
    six = VirtualService(TCP, destinations=(Destination(IPAddress("fd00::1"), 80, TUN),))
    assert translator(six).entries([template()]) == []


def test_a_flow_between_families_is_not_said() -> None:
    six = VirtualService(TCP, destinations=(Destination(IPAddress("fd00::1"), 80, TUN),))
    assert translator(six).entries([flow(TUN)]) == []


@pytest.mark.parametrize(
    ("said", "services", "id_"),
    [
        (entry(), (service(DR),), 1),
        (entry(flags=0x82), (service(DR),), 1),
        (entry(dport=8080, flags=0), (service(NAT, 8080),), 1),
        (entry(dport=8081, flags=0), (service(NAT, 8080),), None),
        (entry(vport=81), (service(DR),), None),
        (entry(vport=81), (service(DR, 0, ServiceKey(Protocol.TCP, VIP, 0)),), 1),
        (entry(fwmark=7), (service(DR), service(DR, 0, MARK)), 2),
        (entry(fwmark=8), (service(DR), service(DR, 0, MARK)), 1),
        (entry(daddr=b"\x0a\0\0\x0c"), (service(DR),), None),
    ],
    ids=[
        "of its address", "forwarded here as it is configured here", "by its port", "of another port",
        "of another service", "of a service of all ports", "by a mark", "of an unknown mark",
        "of another server",
    ],
)  # fmt: skip
def test_a_destination_is_found_where_a_kernel_would(
    said: Entry, services: tuple[VirtualService, ...], id_: int | None
) -> None:
    found = translator(*services).flow(said)
    assert (found.destination if found else None) == id_


def test_an_end_that_is_too_far_off_is_brought_nearer() -> None:
    found = translator(service(DR)).flow(entry(timeout=2**32 - 1))
    assert found is not None
    assert found.expires_in < 2**31


@pytest.mark.parametrize(
    "said",
    [
        entry(protocol=1),
        entry(state=11),
        entry(protocol=17, state=1),
        entry(state=65535),
        entry(flags=0x1083),
        entry(flags=0x1083, cport=0, state=2),
        entry(flags=0x1083, cport=0, protocol=1),
        entry(flags=0x1083, cport=0, protocol=0),
        entry(protocol=0, fwmark=7),
    ],
    ids=[
        "a protocol", "a state", "a state of udp", "a huge state", "a template of one port",
        "a template's state", "a template's protocol", "a template of no mark", "a mark's connection",
    ],
)  # fmt: skip
def test_what_there_is_not_makes_no_sense(said: Entry) -> None:
    assert (makes_sense(said), makes_sense(entry())) == (False, True)


def test_the_rule_is_the_kernels_tunables_in_milliseconds() -> None:
    tunables = Tunables(sync_threshold=4, sync_period=9, sync_refresh_period=10, sync_retries=2)
    rule = translator(tunables=tunables).rule()
    assert (rule.threshold, rule.period, rule.refresh, rule.retries) == (4, 9, 10_000, 2)
    assert (rule.timeouts[Timeout.TCP_ESTABLISHED], rule.timeouts[Timeout.UDP]) == (900_000, 300_000)
