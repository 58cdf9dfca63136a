# SPDX-License-Identifier: Apache-2.0
"""The schedulers that look at the address a packet goes to, where a service has many: marks of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from director.model import ForwardingMethod, Scheduler
from tests.interop.exchange import Exchange, Inject
from tests.interop.exchanges.clients import clients_of, segment
from tests.interop.exchanges.services import inside_network, marked, rule
from tests.interop.families import FAMILIES, V4, V6, Family, setting
from tests.packets.case import Apply
from tests.packets.network import Setting

BY_ADDRESS = (Scheduler.DH, Scheduler.LBLC, Scheduler.LBLCR)
NUMBERS = (1, 2, 3, 7, 64, 65, 128, 129, 200, 254)
DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT


def given(
    scheduler: Scheduler, weights: tuple[int, ...], family: Family = V4, method: ForwardingMethod = DR
) -> Setting:
    """Servers with these weights behind a mark; a negative weight leaves one out."""
    made = marked(family, rule(family), method=method, scheduler=scheduler)
    (only,) = made.configuration.services
    servers = tuple(
        replace(each, weight=weight)
        for each, weight in zip(only.destinations, weights, strict=True)
        if weight >= 0
    )
    return setting(replace(only, destinations=servers), marks=made.configuration.marks)


def syns(family: Family, numbers: tuple[int, ...], port: int = 40000) -> tuple[Inject, ...]:
    return tuple(segment("S", family, target=inside_network(family, number), port=port) for number in numbers)


def addresses() -> Iterator[Exchange]:
    for family in FAMILIES:
        for scheduler in BY_ADDRESS:
            for weights in ((1, 1, 1), (3, 1, 2), (0, 2, 1)):
                said = " ".join(map(str, weights))
                yield Exchange(
                    f"IPv{family.version} {scheduler.value} of {said}: many addresses, and again",
                    given(scheduler, weights, family),
                    (*syns(family, NUMBERS), *syns(family, NUMBERS[::-1], 40001)),
                )


def crowded() -> Iterator[Exchange]:
    """One address has so many connections that its server is too busy, and another takes some."""
    for family in FAMILIES:
        for scheduler in BY_ADDRESS:
            many = tuple(
                segment(bits, family, client=client, target=inside_network(family, number))
                for client in clients_of(family, 9)
                for number in (1, 1 + len(client) % 2)
                for bits in ("S", "A")
            )
            yield Exchange(
                f"IPv{family.version} {scheduler.value}: an address that outgrows its server",
                given(scheduler, (2, 1, 1), family),
                many,
            )


def changing() -> Iterator[Exchange]:
    some, later = NUMBERS[:5], NUMBERS[2:8]
    for scheduler in BY_ADDRESS:
        for what, after in (
            ("a server goes", (1, -1, 1)),
            ("a weight becomes 0", (1, 0, 1)),
            ("a weight grows", (1, 5, 1)),
            ("every weight becomes 0", (0, 0, 0)),
        ):
            for family in (V4, V6) if what == "a server goes" else (V4,):
                yield Exchange(
                    f"IPv{family.version} {scheduler.value} by addresses: {what}, and back",
                    given(scheduler, (1, 1, 1), family),
                    (
                        *syns(family, some),
                        Apply(given(scheduler, after, family)),
                        *syns(family, later, 40001),
                        Apply(back(given(scheduler, (1, 1, 1), family), after)),
                        *syns(family, NUMBERS, 40002),
                    ),
                )


def back(full: Setting, after: tuple[int, ...]) -> Setting:
    """Return the setting with what had gone at the end, as an operator adds it again."""
    (only,) = full.configuration.services
    gone = {each.endpoint for each, weight in zip(only.destinations, after, strict=True) if weight < 0}
    servers = sorted(only.destinations, key=lambda each: each.endpoint in gone)
    return setting(replace(only, destinations=tuple(servers)), marks=full.configuration.marks)


def limited() -> Iterator[Exchange]:
    for scheduler in BY_ADDRESS:
        made = given(scheduler, (1, 1, 1), method=NAT)
        (only,) = made.configuration.services
        servers = tuple(replace(each, upper=2) for each in only.destinations)
        yield Exchange(
            f"{scheduler.value} by addresses, two connections a server",
            setting(replace(only, destinations=servers), marks=made.configuration.marks),
            (*syns(V4, NUMBERS), *syns(V4, NUMBERS[:3], 40001)),
        )


EXCHANGES = (*addresses(), *crowded(), *changing(), *limited())
