# SPDX-License-Identifier: Apache-2.0
"""What random trials (tests/interop/trial) found: differences that were mended, and those that are meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.packet import Raw

from director.model import (
    ForwardingMethod,
    Persistence,
    Scheduler,
    Tunables,
    Tunnel,
    TunnelType,
)
from tests.interop.exchange import Exchange, Inject
from tests.interop.exchanges.clients import PORT, closed, datagram, opened, segment
from tests.interop.exchanges.services import inside_network, marked, rule
from tests.interop.families import (
    FAMILIES,
    V4,
    V6,
    Family,
    from_client,
    from_server,
    hop,
    ip,
    service,
    setting,
    to,
)
from tests.packets.case import Apply
from tests.packets.frames import explicit, outside
from tests.packets.network import INSIDE, OUTSIDE, Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT


def anew() -> Iterator[Exchange]:
    """A SYN on a connection that is over: the old one counts until a server is chosen for the new one."""
    again = (segment("S"), segment("F"), segment("S"), segment("A"))
    for scheduler in (Scheduler.LC, Scheduler.WLC, Scheduler.LBLC, Scheduler.FO, Scheduler.SED):
        for method in (DR, NAT):
            given = setting(service(*to(method, V4.one, V4.two), scheduler=scheduler))
            yield Exchange(f"{scheduler.value} by {method.value}: a SYN on a closed connection", given, again)
    for many in (1, 2):
        full = service(*to(DR, *V4.servers[:many], upper=1), scheduler=Scheduler.WLC)
        yield Exchange(f"a SYN on a closed connection of a full server, of {many}", setting(full), again)
        kept = replace(full, persistence=Persistence(100))
        yield Exchange(f"the same with persistence, of {many}", setting(kept), again)
    two = service(*to(DR, V4.one, V4.two), persistence=Persistence(100))
    for mode in (0, 1, 2):
        given = setting(two, tunables=Tunables(conn_reuse_mode=mode))
        yield Exchange(
            f"conn_reuse_mode {mode}: a SYN on a closed connection under a template",
            given,
            (*again, *closed(), segment("S"), segment("R"), segment("S")),
        )
    quiet = replace(two, destinations=tuple(replace(each, weight=0) for each in two.destinations))
    yield Exchange(
        "conn_reuse_mode 1: the same when every server is quiet",
        setting(two),
        (segment("S"), segment("F"), Apply(setting(quiet)), segment("S")),
    )


def forsaken() -> Iterator[Exchange]:
    """expire_nodest_conn ends what a deleted server had, without a packet's asking."""
    now = Tunables(expire_nodest_conn=1)
    for method in (DR, NAT):
        both = service(*to(method, V4.one, V4.two))
        one = replace(both, destinations=both.destinations[:1])
        for what, left in (("a server", (one,)), ("every server", (service(),)), ("the service", ())):
            yield Exchange(
                f"expire_nodest_conn by {method.value}: {what} is deleted",
                setting(both, tunables=now),
                (
                    *opened(),
                    segment("S", port=40001),
                    segment("S", port=40002),
                    Apply(setting(*left, tunables=now)),
                    segment("A"),
                    *((segment("S", port=41000),) if left else ()),
                ),
            )


def error(family: Family, sport: int = 80) -> Inject:
    """A router's error about what a service sent to the client."""
    layer = TCP(sport=sport, dport=PORT, flags="A", seq=5)
    quoted = ip(family, family.vip, family.client, hops=59) / layer
    packet = bytes((IPv6 if family is V6 else IP)(bytes(quoted)))
    header = ICMPv6DestUnreach(code=4) if family is V6 else ICMP(type=3, code=3)
    outer = outside() / ip(family, family.router, family.vip)
    return Inject(OUTSIDE, bytes(explicit(outer / header / Raw(packet))))


def errors_of_the_deleted() -> Iterator[Exchange]:
    for family in FAMILIES:
        for method in ForwardingMethod:
            both = service(*to(method, family.one, family.two), family=family)
            one = replace(both, destinations=both.destinations[:1])
            yield Exchange(
                f"IPv{family.version} by {method.value}: an error about a deleted server's connection",
                setting(both),
                (segment("S", family), Apply(setting(one)), error(family), segment("A", family)),
            )


def narrow(kind: TunnelType, family: Family, mtu: int) -> Setting:
    """A tunnel over an IPv6 path of this MTU."""
    tunnel = Tunnel(kind, 6080 if kind is TunnelType.GUE else 0)
    made = setting(service(*to(TUN, V6.one, tunnel=tunnel), family=family))
    return made.with_hop(V6.one, hop(V6.one, mtu))


def narrow_tunnels() -> Iterator[Exchange]:
    for family in FAMILIES:
        for kind in TunnelType:
            for mtu in (1280, 1319, 1320, 1324, 1332):
                yield Exchange(
                    f"IPv{family.version} by {kind.value} over an IPv6 path of {mtu} bytes",
                    narrow(kind, family, mtu),
                    (segment("S", family), segment("A", family), error(family), *loose(family)),
                )


def loose(family: Family) -> tuple[Inject, ...]:
    """What may be cut on its way, short and long; of IPv6 there is none."""
    layer = TCP(sport=PORT, dport=80, flags="A", seq=1000, ack=77000)
    frames = (from_client(family, layer, Raw(b"x" * length), flags=0) for length in (0, 1200) if family is V4)
    return tuple(Inject(OUTSIDE, bytes(frame)) for frame in frames)


def spent_answers() -> Iterator[Exchange]:
    for family in FAMILIES:
        given = setting(service(*to(NAT, family.one), family=family))
        layer = TCP(sport=8000, dport=PORT, flags="SA", seq=77000, ack=1001)
        frame = from_server(family, layer, hops=1)
        yield Exchange(
            f"IPv{family.version}: a NAT server's segment outside any connection, its hops spent",
            given,
            (Inject(INSIDE, bytes(frame)),),
        )


def unserved_marks() -> Iterator[Exchange]:
    for family in FAMILIES:
        empty = marked(family, rule(family))
        (only,) = empty.configuration.services
        none = setting(replace(only, destinations=()), marks=empty.configuration.marks)
        there = inside_network(family, 1)
        yield Exchange(
            f"IPv{family.version}: a mark's service without a server, at addresses of a network",
            none,
            (segment("S", family, target=there), datagram(family, target=there)),
        )


def counted_errors() -> Iterator[Exchange]:
    """Its own errors count as replies of a mark's and an every-port service's servers, too."""
    spent = TCP(sport=PORT, dport=80, flags="A", seq=1000, ack=77000)
    there = inside_network(V4, 1)
    for name, given, target in (
        ("a mark", marked(V4, rule(V4)), there),
        (
            "every port",
            setting(service(*to(DR, V4.one, port=0), port=0, persistence=Persistence(100))),
            V4.vip,
        ),
    ):
        frame = from_client(V4, spent, target=target, hops=1)
        yield Exchange(
            f"an error of the director's about a connection of {name}",
            given,
            (segment("S", target=target), Inject(OUTSIDE, bytes(frame))),
        )


EXCHANGES = (
    *anew(),
    *forsaken(),
    *errors_of_the_deleted(),
    *narrow_tunnels(),
    *spent_answers(),
    *unserved_marks(),
    *counted_errors(),
)
