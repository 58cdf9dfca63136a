# SPDX-License-Identifier: Apache-2.0
"""The image says what the configuration says, whatever way led to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import EUI, IPAddress, IPNetwork

from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    MarkRule,
    NextHop,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.scheduling import maglev, source_hash, stateless
from director.scheduling.stateless import Member
from director.tables import (
    DecodedDestination,
    DecodedImage,
    DecodedLink,
    DecodedService,
    IdRegistry,
    ImageCompiler,
    compile_image,
    decode,
)
from director.tables.layout import LINE, Timeout

DR, TUN, NAT = ForwardingMethod
KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
KEY6 = ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53)
RS = tuple(IPAddress(f"10.0.0.{number}") for number in (2, 3, 4))
RS6 = IPAddress("2001:db8::2")
HOP = NextHop(3, EUI("02-00-00-00-00-01"), EUI("02-00-00-00-00-02"), IPAddress("10.0.0.1"), 1500)
HOP6 = replace(HOP, source=IPAddress("2001:db8::ff"), mtu=1400)
LINKS = (
    Link(3, "eth1", HOP.source_mac, 1500, up=True),
    Link(2, "eth0", EUI("02-00-00-00-00-0a"), 9000, up=True),
    Link(4, "eth2", EUI("02-00-00-00-00-0b"), 1500, up=False),
    Link(1, "lo", None, 65536, up=True),
)
WEB = VirtualService(
    KEY,
    Scheduler.WRR,
    destinations=(
        Destination(RS[0], 80, DR, 4),
        Destination(RS[1], 8080, NAT, 2, upper=100, lower=50),
        Destination(RS[2], 80, TUN, 0),
    ),
)
DNS = VirtualService(
    KEY6,
    Scheduler.LC,
    destinations=(Destination(RS6, 53, DR, 1),),
    one_packet=True,
    timeouts=(("udp", 7),),
)
GUE = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE)
MARKED = VirtualService(
    ServiceKey.of_mark(7),
    destinations=(Destination(RS[0], 0, TUN, tunnel=GUE),),
    persistence=Persistence(600, IPAddress("255.255.255.0")),
)
RULE = MarkRule(7, IPNetwork("192.0.2.0/24"), Protocol.UDP, 8000, 8100)
PLAIN = DecodedService(
    KEY,
    1,
    Scheduler.WRR,
    flags=frozenset(),
    persistence=None,
    one_packet=False,
    timeouts=Timeouts(tcp_established=600, udp=30, sctp_init=9),
    listed=(),
    lookup=(),
    stateless=(),
    wrr_gcd=1,
    wrr_max=1,
)


def compiled(*services: VirtualService) -> DecodedImage:
    return decode(compile_image(Configuration(services), {}))


WHOLE = Configuration(
    (WEB, DNS, MARKED),
    timeouts=Timeouts(tcp_established=600, udp=30, sctp_init=9),
    tunables=Tunables(conn_reuse_mode=2, expire_nodest_conn=1, drop_packet=3, am_droprate=50),
    marks=(RULE, replace(RULE, mark=8)),
)


def decoded_services() -> dict[ServiceKey, DecodedService]:
    """What an image of WHOLE says of its services."""
    web_list = ((3, 0), (2, 2), (1, 4))
    choices = stateless.populate((Member(RS[2], 80, 0), Member(RS[1], 8080, 2), Member(RS[0], 80, 4)))
    web_choices = tuple(3 - index for index in choices if index is not None)
    dns_choices = (4,) * 61
    return {
        KEY: replace(PLAIN, listed=web_list, stateless=web_choices, wrr_gcd=2, wrr_max=3),
        KEY6: replace(
            PLAIN,
            key=KEY6,
            id=2,
            scheduler=Scheduler.LC,
            one_packet=True,
            timeouts=replace(WHOLE.timeouts, udp=7),
            listed=((4, 1),),
            stateless=dns_choices,
        ),
        MARKED.key: replace(
            PLAIN,
            key=MARKED.key,
            id=3,
            scheduler=Scheduler.WLC,
            persistence=MARKED.persistence,
            listed=((5, 1),),
            stateless=(5,) * 61,
        ),
    }


def test_an_image_says_all_that_the_configuration_says() -> None:
    image = compile_image(WHOLE, {RS[0]: HOP, RS6: HOP6}, generation=7, links=LINKS)
    assert decode(image) == DecodedImage(
        generation=7,
        services=decoded_services(),
        destinations={
            1: DecodedDestination(1, 1, RS[0], 80, DR, Tunnel(), 4, HOP),
            2: DecodedDestination(2, 1, RS[1], 8080, NAT, Tunnel(), 2, None),
            3: DecodedDestination(3, 1, RS[2], 80, TUN, Tunnel(), 0, None),
            4: DecodedDestination(4, 2, RS6, 53, DR, Tunnel(), 1, HOP6),
            5: DecodedDestination(5, 3, RS[0], 6080, TUN, GUE, 1, HOP),
        },
        links=(DecodedLink(2, EUI("02-00-00-00-00-0a"), 9000), DecodedLink(3, HOP.source_mac, 1500)),
        timeouts=WHOLE.timeouts,
        tunables=WHOLE.tunables,
        marks=(RULE, replace(RULE, mark=0)),
        limits={2: (100, 50)},
    )


def test_an_image_of_nothing_holds_no_service_and_no_destination() -> None:
    assert compiled() == DecodedImage(1, {}, {}, (), Timeouts(), Tunables(), (), {})


def test_servers_of_nat_are_told_by_their_packets_only_if_that_is_asked_for() -> None:
    asking = replace(WHOLE, tunables=replace(WHOLE.tunables, nat_icmp_send=1))
    marked = replace(MARKED, destinations=(Destination(RS[2], 8080, NAT),))
    image = decode(compile_image(replace(asking, services=(WEB, DNS, marked)), {}))
    assert (image.servers, image.tunables) == (frozenset({(2, 8080, 6), (5, 8080, 0)}), asking.tunables)
    assert decode(compile_image(WHOLE, {})).servers == frozenset()


def test_a_direct_or_tunnelled_destination_takes_the_services_port() -> None:
    pairs = zip(RS, (DR, TUN, NAT), strict=True)
    odd = (Destination(address, 8080, method) for address, method in pairs)
    image = compiled(replace(WEB, destinations=tuple(odd)))
    assert [image.destinations[number].port for number in (1, 2, 3)] == [80, 80, 8080]


def test_a_service_by_source_hash_carries_its_buckets_as_ids() -> None:
    service = replace(WEB, scheduler=Scheduler.SH, flags=frozenset({SchedulerFlag.SH_PORT}))
    found = compiled(DNS, service).services[KEY]
    assert found.flags == frozenset({SchedulerFlag.SH_PORT})
    ids_in_list_order = (4, 3, 2)
    assert found.lookup == tuple(
        ids_in_list_order[index] for index in source_hash.fill_buckets((0, 2, 4)) if index is not None
    )


def test_a_service_by_maglev_carries_its_table_as_ids() -> None:
    found = compiled(replace(WEB, scheduler=Scheduler.MH)).services[KEY]
    members = (maglev.Member(RS[2], 80, 0), maglev.Member(RS[1], 8080, 2), maglev.Member(RS[0], 80, 4))
    assert found.lookup == tuple(3 - index for index in maglev.populate(members) if index is not None)


@pytest.mark.parametrize("scheduler", [Scheduler.SH, Scheduler.MH])
def test_a_hashing_service_without_destinations_has_a_table_of_nobody(scheduler: Scheduler) -> None:
    found = compiled(replace(WEB, scheduler=scheduler, destinations=())).services[KEY]
    assert set(found.lookup) == {0}
    assert found.listed == ()


def test_fragments_have_half_a_minute() -> None:
    line = compile_image(Configuration(), {})[-2 * LINE :]
    assert int.from_bytes(line[4 * Timeout.FRAGMENT : 4 * Timeout.FRAGMENT + 4], "little") == 30_000


def test_sets_of_timeouts_are_numbered_by_the_services_that_are_there() -> None:
    compiler, registry = ImageCompiler(), IdRegistry()
    gone = replace(WEB, timeouts=(("tcp_close", 1),))
    for service in (gone, DNS):
        compiler.set_service(service, registry.assign(service).ids)
    compiler.image(1)
    compiler.set_service(WEB, registry.assign(WEB).ids)
    assert compiler.image(2) == compile_image(Configuration((WEB, DNS)), {}, generation=2)


def test_a_jumbo_mtu_beyond_16_bits_is_the_highest_that_fits() -> None:
    image = decode(compile_image(Configuration((DNS,)), {RS6: replace(HOP6, mtu=65536)}))
    assert image.destinations[1].next_hop == replace(HOP6, mtu=65535)


def test_a_removed_service_leaves_nothing() -> None:
    compiler, registry = ImageCompiler(), IdRegistry()
    for service in (DNS, WEB):
        compiler.set_service(service, registry.assign(service).ids)
    compiler.set_next_hop(RS6, HOP6)
    compiler.remove_service(WEB.key)
    assert compiler.image(1) == compile_image(Configuration((DNS,)), {RS6: HOP6})


def test_a_changed_service_gives_the_same_bytes_as_one_compiled_afresh() -> None:
    compiler, registry = ImageCompiler(), IdRegistry()
    compiler.set_next_hop(RS[0], HOP)
    first, *rest = WEB.destinations
    for scheduler in Scheduler:
        for destinations in ((first, *rest), (first, rest[0]), (replace(first, weight=9),)):
            service = replace(WEB, scheduler=scheduler, destinations=destinations)
            compiler.set_service(service, registry.assign(service).ids)
            assert compiler.image(5) == compile_image(Configuration((service,)), {RS[0]: HOP}, 5)


def test_a_lost_next_hop_leaves_its_destinations_unresolved() -> None:
    compiler, registry = ImageCompiler(), IdRegistry()
    twice = (WEB, replace(WEB, key=replace(KEY, port=81)))
    for service in twice:
        compiler.set_service(service, registry.assign(service).ids)
    compiler.set_next_hop(RS[0], HOP)
    assert [d.next_hop for d in decode(compiler.image(1)).destinations.values()] == [HOP, None, None] * 2
    compiler.set_next_hop(RS[0], None)
    assert compiler.image(1) == compile_image(Configuration(twice), {})


def test_a_destination_set_to_0_keeps_its_maglev_slots_but_one_added_with_0_has_none() -> None:
    compiler, registry = ImageCompiler(), IdRegistry()
    service = replace(WEB, scheduler=Scheduler.MH)
    compiler.set_service(service, registry.assign(service).ids)
    before = decode(compiler.image(1)).services[KEY].lookup
    first, *rest = service.destinations
    drained = replace(service, destinations=(replace(first, weight=0), *rest))
    compiler.set_service(drained, registry.assign(drained).ids)
    assert decode(compiler.image(2)).services[KEY].lookup == before
    assert set(before) == {1, 2}
