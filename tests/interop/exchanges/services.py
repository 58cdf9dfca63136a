# SPDX-License-Identifier: Apache-2.0
"""Kinds of services: one packet, thresholds, firewall marks, and several services that share something."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from netaddr import IPNetwork

from director.model import (
    ForwardingMethod,
    MarkRule,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    Tunables,
    VirtualService,
)
from tests.interop.exchange import Exchange
from tests.interop.exchanges.clients import answer, closed, datagram, opened, reply, segment
from tests.interop.families import FAMILIES, MARKED, V4, V6, Family, destination, service, setting, to
from tests.packets.case import Apply
from tests.packets.network import Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT


def one_packet() -> Iterator[Exchange]:
    for family, method in product(FAMILIES, ForwardingMethod):
        chosen = to(method, *family.servers[:3], port=53)
        given = service(*chosen, family=family, protocol=Protocol.UDP, port=53, one_packet=True)
        replies = tuple(reply(family, server=server) for server in family.servers[:3])
        yield Exchange(
            f"IPv{family.version} by {method.value}: one packet, each datagram anew",
            setting(given),
            (*(datagram(family) for _ in range(5)), *(replies if method is NAT else ())),
        )


def one_packet_by_schedulers() -> Iterator[Exchange]:
    for scheduler in (Scheduler.WRR, Scheduler.WLC, Scheduler.SH, Scheduler.LC, Scheduler.MH, Scheduler.SED):
        chosen = tuple(
            destination(server, DR, 53, weight) for server, weight in zip(V4.servers, (3, 1, 2), strict=False)
        )
        given = service(*chosen, protocol=Protocol.UDP, port=53, one_packet=True, scheduler=scheduler)
        yield Exchange(
            f"one packet by {scheduler.value}",
            setting(given),
            tuple(datagram(port=40000 + n % 2) for n in range(8)),
        )
    none = service(protocol=Protocol.UDP, port=53, one_packet=True)
    yield Exchange("one packet without a destination", setting(none), (datagram(), datagram()))


def one_packet_with_others() -> Iterator[Exchange]:
    plain = service(*to(DR, *V4.servers[:3], port=53), protocol=Protocol.UDP, port=53)
    changed = service(*to(DR, *V4.servers[:3], port=53), protocol=Protocol.UDP, port=53, one_packet=True)
    yield Exchange(
        "one packet is put on a living connection, and taken away",
        setting(plain),
        (
            datagram(),
            Apply(setting(changed)),
            datagram(),
            datagram(port=40001),
            Apply(setting(plain)),
            datagram(),
            datagram(port=40001),
        ),
    )
    lasting = service(
        *to(DR, *V4.servers[:3], port=53),
        protocol=Protocol.UDP,
        port=53,
        one_packet=True,
        persistence=Persistence(100),
    )
    yield Exchange(
        "one packet with persistence",
        setting(lasting),
        (datagram(), datagram(), datagram(port=40001), datagram(client=V4.other_client)),
    )


def limited(
    upper: int,
    lower: int = 0,
    *,
    scheduler: Scheduler = Scheduler.RR,
    protocol: Protocol = Protocol.TCP,
    persistence: Persistence | None = None,
    many: int = 2,
) -> Setting:
    port = 80 if protocol is Protocol.TCP else 53
    chosen = to(DR, *V4.servers[:many], port=port, upper=upper, lower=lower)
    made = service(*chosen, protocol=protocol, port=port, scheduler=scheduler, persistence=persistence)
    return setting(made)


def thresholds() -> Iterator[Exchange]:
    for scheduler in Scheduler:
        if scheduler in (Scheduler.TWOS, Scheduler.NONE):
            continue
        yield Exchange(
            f"thresholds with {scheduler.value}: two each, and then none",
            limited(2, scheduler=scheduler),
            tuple(segment("S", port=40000 + n) for n in range(6)),
        )


def thresholds_crossed() -> Iterator[Exchange]:
    for upper, lower in ((1, 0), (1, 1), (4, 0), (4, 2), (4, 3), (4, 4)):
        yield Exchange(
            f"thresholds {upper} and {lower}: connections close, and others come",
            limited(upper, lower, many=1),
            (
                *(step for n in range(5) for step in opened(port=40000 + n)),
                *(segment("R", port=40000 + n) for n in range(3)),
                *(segment("S", port=41000 + n) for n in range(3)),
            ),
        )
    yield Exchange(
        "a threshold for UDP",
        limited(2, protocol=Protocol.UDP),
        tuple(datagram(port=40000 + n) for n in range(6)),
    )
    yield Exchange(
        "a threshold beside persistence",
        limited(3, persistence=Persistence(100)),
        tuple(
            segment("S", client=client, port=40000 + n)
            for n in range(4)
            for client in (V4.client, V4.other_client)
        ),
    )


def thresholds_changed() -> Iterator[Exchange]:
    for old, new in (((2, 0), (4, 0)), ((2, 0), (0, 0)), ((0, 0), (1, 0)), ((4, 0), (2, 1))):
        yield Exchange(
            f"the threshold goes from {old[0]} to {new[0]}",
            limited(*old),
            (
                *(segment("S", port=40000 + n) for n in range(5)),
                Apply(limited(*new)),
                *(segment("S", port=41000 + n) for n in range(4)),
            ),
        )
    yield Exchange(
        "a full server keeps what it has",
        limited(1, many=1),
        (*opened(), segment("S", port=40001), segment("A"), segment("FA"), segment("S", port=40001)),
    )


def marked(
    family: Family,
    *rules: MarkRule,
    method: ForwardingMethod = DR,
    persistence: Persistence | None = None,
    others: tuple[VirtualService, ...] = (),
    mark: int = 7,
    port: int = 0,
    scheduler: Scheduler = Scheduler.RR,
) -> Setting:
    key = ServiceKey.of_mark(mark, family.version)
    chosen = tuple(destination(server, method, port) for server in family.servers[:3])
    made = VirtualService(key=key, scheduler=scheduler, destinations=chosen, persistence=persistence)
    return setting(made, *others, marks=rules)


def rule(
    family: Family,
    mark: int = 7,
    ports: tuple[int, int] = (0, 65535),
    protocol: Protocol | None = None,
    to: str = "",
) -> MarkRule:
    return MarkRule(mark, IPNetwork(to or MARKED[family.version]), protocol, *ports)


def inside_network(family: Family, number: int) -> str:
    return f"198.18.1.{number}" if family.version == 4 else f"2001:db8:18::{number:x}"


def marks() -> Iterator[Exchange]:
    for family, method in product(FAMILIES, ForwardingMethod):
        one, two = inside_network(family, 1), inside_network(family, 200)
        for port in (0, 8080) if method is NAT else (0,):
            yield Exchange(
                f"IPv{family.version} by {method.value}: a mark of a network, the servers' port {port}",
                marked(family, rule(family), method=method, port=port),
                (
                    segment("S", family, target=one),
                    segment("A", family, target=one),
                    segment("S", family, target=two, to=443),
                    datagram(family, target=two),
                    segment("S", family, target=one, port=40001),
                    segment("A", family, target=two, port=40009),
                    segment("S", family),
                    *(
                        (answer("SA", family, server=family.servers[2], sport=port or 80),)
                        if method is NAT
                        else ()
                    ),
                ),
            )


def marks_of_some() -> Iterator[Exchange]:
    for family in FAMILIES:
        one, two = inside_network(family, 1), inside_network(family, 200)
        yield Exchange(
            f"IPv{family.version}: a mark with persistence",
            marked(family, rule(family), persistence=Persistence(100)),
            (
                segment("S", family, target=one),
                segment("S", family, target=two, to=443),
                datagram(family, target=two),
                segment("S", family, target=one, client=family.other_client),
            ),
        )
        yield Exchange(
            f"IPv{family.version}: a mark of some TCP ports, and of one UDP port",
            marked(
                family,
                rule(family, ports=(80, 89), protocol=Protocol.TCP),
                rule(family, ports=(53, 53), protocol=Protocol.UDP),
            ),
            (
                *(segment("S", family, target=one, to=port) for port in (79, 80, 89, 90, 53)),
                *(datagram(family, target=one, to=port) for port in (52, 53, 54, 80)),
            ),
        )


def marks_beside() -> Iterator[Exchange]:
    for family in FAMILIES:
        one, bits = inside_network(family, 1), (32 if family.version == 4 else 128)
        beside = service(*to(DR, family.servers[3]), family=family)
        yield Exchange(
            f"IPv{family.version}: a mark comes before a service of the same address and port",
            marked(
                family,
                rule(
                    family,
                    to=f"{family.vip}/{bits}",
                    ports=(80, 80),
                ),
                others=(beside,),
            ),
            (segment("S", family), segment("S", family, port=40001), segment("A", family)),
        )
        yield Exchange(
            f"IPv{family.version}: a mark without a service",
            marked(family, rule(family, mark=8), others=(beside,)),
            (segment("S", family, target=one), segment("S", family)),
        )


def marks_in_order() -> Iterator[Exchange]:
    yield Exchange(
        "two marks, the first rule that fits",
        setting(
            *(
                VirtualService(ServiceKey.of_mark(mark), Scheduler.RR, destinations=to(DR, server, port=0))
                for mark, server in ((7, V4.one), (8, V4.two))
            ),
            marks=(rule(V4, 7, (80, 80)), rule(V4, 8)),
        ),
        tuple(segment("S", target="198.18.1.1", to=port) for port in (80, 81)),
    )
    yield Exchange(
        "a mark's rules change under a living connection",
        marked(V4, rule(V4)),
        (
            segment("S", target="198.18.1.1"),
            Apply(marked(V4, rule(V4, ports=(443, 443)))),
            segment("A", target="198.18.1.1"),
            segment("S", target="198.18.1.1", port=40001),
            segment("S", target="198.18.1.1", to=443),
        ),
    )


def sharing() -> Iterator[Exchange]:
    """Two services that have a server in common, and one server twice in a service."""
    web, tls = service(*to(DR, V4.one, V4.two)), service(*to(DR, V4.one, V4.two, port=443), port=443)
    yield Exchange(
        "two services with the same servers count apart",
        setting(web, tls),
        (*opened(), *opened(to=443), segment("S", port=40001), segment("S", to=443, port=40001)),
    )
    yield Exchange(
        "NAT to two ports of one server",
        setting(service(*(destination(V4.one, NAT, port) for port in (8000, 8001)))),
        (
            segment("S"),
            segment("S", port=40001),
            *(answer("SA", sport=sport, port=port) for port in (40000, 40001) for sport in (8000, 8001)),
        ),
    )
    first = service(*to(NAT, V4.one))
    second = service(destination(V4.one, NAT, 8000), port=81)
    yield Exchange(
        "two services translate to one port of one server",
        setting(first, second),
        (
            segment("S"),
            segment("S", to=81, port=40001),
            answer("SA"),
            answer("SA", port=40001),
            segment("S", to=81),
            answer("SA"),
        ),
    )


def of_several_kinds() -> Iterator[Exchange]:
    mixed = service(*to(DR, V4.one), *to(TUN, V4.two), destination(V4.servers[2], NAT, 8000))
    yield Exchange(
        "one service with each method",
        setting(mixed),
        (
            *(segment(bits, port=port) for port in (40000, 40001, 40002) for bits in ("S", "A")),
            *(answer("SA", server=V4.servers[2], port=port) for port in (40000, 40001, 40002)),
        ),
    )
    yield Exchange(
        "IPv6 UDP and TCP of one port",
        setting(
            service(*to(DR, V6.one), family=V6),
            service(*to(DR, V6.two), family=V6, protocol=Protocol.UDP),
        ),
        (segment("S", V6), datagram(V6, to=80), segment("A", V6), datagram(V6, to=80)),
    )


def quick() -> Iterator[Exchange]:
    for sloppy in (0, 1):
        yield Exchange(
            f"connections that close, sloppy_tcp {sloppy}",
            setting(service(*to(DR, V4.one, V4.two)), tunables=Tunables(sloppy_tcp=sloppy)),
            (*closed(), *closed(port=40001), segment("A"), segment("R"), segment("A", port=40005)),
        )


ONE_PACKET = (*one_packet(), *one_packet_by_schedulers(), *one_packet_with_others())
THRESHOLDS = (*thresholds(), *thresholds_crossed(), *thresholds_changed())
MARKS = (*marks(), *marks_of_some(), *marks_beside(), *marks_in_order())
SHARING = (*sharing(), *of_several_kinds(), *quick())
