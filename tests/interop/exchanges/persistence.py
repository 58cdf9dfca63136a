# SPDX-License-Identifier: Apache-2.0
"""Persistence: templates as they are listed, masks, quiet and deleted servers, every port."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from netaddr import IPAddress

from director.model import ForwardingMethod, Persistence, Protocol, Scheduler, Tunables
from tests.interop.exchange import Exchange
from tests.interop.exchanges.clients import answer, closed, datagram, opened, reply, segment
from tests.interop.families import FAMILIES, V4, Family, destination, service, setting, to
from tests.packets.case import Apply
from tests.packets.network import Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
MASKS = {
    4: ("255.255.255.0", "255.255.255.128", "255.0.0.0"),
    6: ("ffff:ffff:ffff::", "ffff:ffff:ffff:ffff::"),
}


def lasting(
    method: ForwardingMethod,
    family: Family = V4,
    *,
    weights: tuple[int, ...] = (1, 1, 1),
    protocol: Protocol = Protocol.TCP,
    port: int = 80,
    scheduler: Scheduler = Scheduler.RR,
    persistence: Persistence | None = None,
    tunables: Tunables | None = None,
    servers_port: int = 0,
) -> Setting:
    """Three servers with these weights; a negative weight leaves one out."""
    at = servers_port or (port * 100 if method is NAT else port)
    chosen = (
        destination(server, method, at, weight)
        for server, weight in zip(family.servers, weights, strict=False)
        if weight >= 0
    )
    made = service(
        *chosen,
        family=family,
        protocol=protocol,
        port=port,
        scheduler=scheduler,
        persistence=persistence or Persistence(timeout=100),
    )
    return setting(made, tunables=tunables)


def keeping() -> Iterator[Exchange]:
    for family, method in product(FAMILIES, ForwardingMethod):
        yield Exchange(
            f"IPv{family.version} by {method.value}: two clients keep their servers",
            lasting(method, family),
            (
                *opened(family),
                *opened(family, client=family.other_client),
                *(segment("S", family, port=port) for port in (40001, 40002)),
                segment("S", family, client=family.other_client, port=40001),
                segment("S", family, client=family.far_client),
                segment("FA", family),
                segment("R", family, port=40001),
            ),
        )
        yield Exchange(
            f"IPv{family.version} UDP by {method.value}: two clients keep their servers",
            lasting(method, family, protocol=Protocol.UDP, port=53),
            tuple(
                datagram(family, client=client, port=port)
                for port in (40000, 40001)
                for client in (family.client, family.other_client)
            ),
        )


def masked() -> Iterator[Exchange]:
    for family in FAMILIES:
        for mask in MASKS[family.version]:
            clients = (family.client, family.other_client, family.far_client)
            yield Exchange(
                f"IPv{family.version}: clients as one behind the mask {mask}",
                lasting(DR, family, persistence=Persistence(100, IPAddress(mask))),
                tuple(segment("S", family, client=each, port=40000 + n) for n in (0, 1) for each in clients),
            )


def timeouts() -> Iterator[Exchange]:
    """A template stays while connections do; afterwards it has its timeout."""
    for seconds in (1, 59, 60, 61, 360, 86400):
        yield Exchange(
            f"a template of {seconds} seconds",
            lasting(DR, persistence=Persistence(seconds)),
            (*closed(), *opened(port=40001), datagram(to=80)),
        )


def quiet() -> Iterator[Exchange]:
    """The client's server gets weight 0 or is deleted, and is back."""
    ways = {"quiesced": (1, 1, 0), "deleted": (1, 1, -1)}
    for expire_template, expire_conn, (way, weights), method in product(
        (0, 1), (0, 1), ways.items(), (DR, NAT)
    ):
        tunables = Tunables(expire_quiescent_template=expire_template, expire_nodest_conn=expire_conn)
        before, after = (
            lasting(method, tunables=tunables),
            lasting(method, weights=weights, tunables=tunables),
        )
        replies = (answer("SA", server="10.0.0.13"), answer("SA", server="10.0.0.13", port=40001))
        yield Exchange(
            f"{method.value}, expire_quiescent_template {expire_template}, expire_nodest_conn {expire_conn}: "
            f"the client's server {way}",
            before,
            (
                *opened(),
                Apply(after),
                segment("A"),
                segment("S", port=40001),
                segment("A", port=40001),
                *(replies if method is NAT else ()),
                segment("S", port=40002),
                segment("S", client=V4.other_client),
                segment("S"),
                Apply(before),
                segment("A"),
                segment("S", port=40003),
            ),
        )
    yield Exchange(
        "persistence, and every server of weight 0",
        lasting(DR, weights=(0, 0, 0)),
        (segment("S"), segment("A"), datagram(to=80)),
    )


def changes() -> Iterator[Exchange]:
    """Persistence comes and goes, or changes its timeout or mask, under living connections."""
    plain = setting(service(*to(DR, *V4.servers[:3])))
    steps = (segment("S", port=40001), segment("S", client=V4.other_client), segment("S", port=40002))
    yield Exchange("persistence is taken away", lasting(DR), (*opened(), Apply(plain), *steps))
    yield Exchange("persistence is put on", plain, (*opened(), Apply(lasting(DR)), *steps))
    yield Exchange(
        "persistence gets another timeout",
        lasting(DR),
        (*opened(), Apply(lasting(DR, persistence=Persistence(1000))), *steps),
    )
    yield Exchange(
        "persistence gets a mask",
        lasting(DR),
        (*opened(), Apply(lasting(DR, persistence=Persistence(100, IPAddress("255.255.255.0")))), *steps),
    )
    for scheduler in (Scheduler.WLC, Scheduler.SH, Scheduler.WRR, Scheduler.LC, Scheduler.NONE):
        yield Exchange(
            f"persistence, and the scheduler becomes {scheduler.value}",
            lasting(DR),
            (*opened(), Apply(lasting(DR, scheduler=scheduler)), *steps),
        )


def every_port() -> Iterator[Exchange]:
    """Port 0: a client has the same server on each port."""
    for family, method in product(FAMILIES, ForwardingMethod):
        for servers_port in (0, 8080) if method is NAT else (0,):
            given = lasting(method, family, port=0, servers_port=servers_port)
            on_replies = (
                answer("SA", family, server=family.servers[2], sport=servers_port or 80),
                answer("SA", family, server=family.servers[2], sport=servers_port or 443),
                answer("SA", family, server=family.servers[2], sport=1),
            )
            yield Exchange(
                f"IPv{family.version} by {method.value}: every port, the servers' {servers_port}",
                given,
                (
                    *opened(family),
                    segment("S", family, to=443),
                    segment("S", family, to=443, port=40001),
                    segment("S", family, to=1, client=family.other_client),
                    segment("A", family, to=9, port=40009),
                    datagram(family, to=80),
                    *(on_replies if method is NAT else ()),
                ),
            )
    both = setting(
        service(*to(DR, V4.one, V4.two, port=0), port=0, persistence=Persistence(100)),
        service(*to(DR, V4.servers[2])),
        service(*to(DR, V4.servers[3], port=53), protocol=Protocol.UDP, port=53),
    )
    yield Exchange(
        "every port beside a service of one port",
        both,
        (segment("S"), segment("S", to=81), segment("S", to=81, port=40001), datagram(), datagram(to=54)),
    )


def of_udp() -> Iterator[Exchange]:
    for method in (DR, NAT):
        given = lasting(method, protocol=Protocol.UDP, port=0)
        yield Exchange(
            f"UDP by {method.value}: every port",
            given,
            (
                datagram(),
                datagram(to=54),
                datagram(to=54, client=V4.other_client),
                segment("S"),
                *((reply(server="10.0.0.13", sport=53),) if method is NAT else ()),
            ),
        )


EXCHANGES = (*keeping(), *masked(), *timeouts(), *quiet(), *changes(), *every_port(), *of_udp())
