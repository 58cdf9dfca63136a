# SPDX-License-Identifier: Apache-2.0
"""What an operator does while connections live: every scheduler on frames, and changes in mid-sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from director.model import ForwardingMethod, Protocol, Scheduler, SchedulerFlag, Tunnel, TunnelType
from tests.interop.exchange import Exchange, Inject
from tests.interop.exchanges.clients import answer, clients_of, datagram, opened, segment
from tests.interop.families import FAMILIES, V4, Family, destination, service, setting, to
from tests.packets.case import Apply
from tests.packets.network import Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
CHANCE = (Scheduler.TWOS,)
SCHEDULERS = tuple(each for each in Scheduler if each not in CHANCE)
HASHES = (
    (Scheduler.SH, frozenset[SchedulerFlag]()),
    (Scheduler.SH, frozenset({SchedulerFlag.SH_PORT})),
    (Scheduler.SH, frozenset({SchedulerFlag.SH_FALLBACK})),
    (Scheduler.MH, frozenset[SchedulerFlag]()),
    (Scheduler.MH, frozenset({SchedulerFlag.MH_PORT})),
    (Scheduler.MH, frozenset({SchedulerFlag.MH_FALLBACK})),
    (Scheduler.DH, frozenset[SchedulerFlag]()),
)


def given(
    scheduler: Scheduler,
    weights: tuple[int, ...] = (1, 1, 1, 1),
    family: Family = V4,
    flags: frozenset[SchedulerFlag] = frozenset(),
    protocol: Protocol = Protocol.TCP,
) -> Setting:
    """Servers with these weights; a negative weight leaves one out."""
    port = 80 if protocol is Protocol.TCP else 53
    chosen = (
        destination(server, DR, port, weight)
        for server, weight in zip(family.servers, weights, strict=False)
        if weight >= 0
    )
    made = service(*chosen, family=family, protocol=protocol, port=port, scheduler=scheduler, flags=flags)
    return setting(made)


def syns(many: int, first: int = 40000, family: Family = V4) -> tuple[Inject, ...]:
    return tuple(segment("S", family, port=first + n) for n in range(many))


def mixed(first: int = 40000) -> tuple[Inject, ...]:
    """Connections that are half open, open, closing and closed."""
    ends = ("S", "SA", "SAF", "SAR", "S", "SA")
    return tuple(segment(bits, port=first + n) for n, end in enumerate(ends) for bits in end)


def schedulers() -> Iterator[Exchange]:
    for scheduler in SCHEDULERS:
        for weights in ((1, 1, 1, 1), (3, 1, 2, 1), (5, 0, 2, 3)):
            said = " ".join(map(str, weights))
            yield Exchange(f"{scheduler.value} of {said}: SYNs", given(scheduler, weights), syns(10))
            yield Exchange(f"{scheduler.value} of {said}: connections", given(scheduler, weights), mixed())
        yield Exchange(
            f"{scheduler.value}: datagrams",
            given(scheduler, (3, 1, 2), protocol=Protocol.UDP),
            tuple(datagram(port=40000 + n) for n in range(8)),
        )
        yield Exchange(
            f"{scheduler.value}: every server of weight 0",
            given(scheduler, (0, 0, 0, 0)),
            (*syns(2), segment("A")),
        )


def hashes() -> Iterator[Exchange]:
    for family, (scheduler, flags) in product(FAMILIES, HASHES):
        said = f"{scheduler.value}{''.join(f' {flag.value}' for flag in flags)}"
        yield Exchange(
            f"IPv{family.version} {said}: clients and ports",
            given(scheduler, (2, 1, 0, 3), family, flags),
            tuple(
                segment("S", family, client=client, port=port)
                for client in clients_of(family, 8)
                for port in (40000, 40001)
            ),
        )


def back(before: Setting, after: Setting) -> Setting:
    """Return the setting as it was, with what had gone at the end: as an operator adds it again."""
    (made,), (left,) = before.configuration.services, after.configuration.services
    there = {each.endpoint for each in left.destinations}
    ordered = sorted(made.destinations, key=lambda each: each.endpoint not in there)
    return setting(replace(made, destinations=tuple(ordered)))


def changes() -> Iterator[Exchange]:
    """A weight, a server, the scheduler: half the SYNs before, half after, and back."""
    for scheduler in SCHEDULERS:
        before = given(scheduler, (2, 1, 3))
        for what, after in (
            ("a weight changes", given(scheduler, (2, 4, 3))),
            ("a weight becomes 0", given(scheduler, (0, 1, 3))),
            ("a server goes", given(scheduler, (2, -1, 3))),
            ("a server comes", given(scheduler, (2, 1, 3, 2))),
        ):
            yield Exchange(
                f"{scheduler.value}: {what}, and back",
                before,
                (*syns(4), Apply(after), *syns(5, 41000), Apply(back(before, after)), *syns(5, 42000)),
            )


def rescheduled() -> Iterator[Exchange]:
    """-E with another scheduler or another flag."""
    for old, new in zip(SCHEDULERS, (*SCHEDULERS[1:], SCHEDULERS[0]), strict=True):
        weights = (2, 1, 3)
        yield Exchange(
            f"{old.value} becomes {new.value}, and back",
            given(old, weights),
            (
                *syns(4),
                Apply(given(new, weights)),
                *syns(5, 41000),
                Apply(given(old, weights)),
                *syns(5, 42000),
            ),
        )
    for scheduler, flag in ((Scheduler.SH, SchedulerFlag.SH_PORT), (Scheduler.MH, SchedulerFlag.MH_PORT)):
        yield Exchange(
            f"{scheduler.value} gets the flag {flag.value}",
            given(scheduler),
            (*syns(4), Apply(given(scheduler, flags=frozenset({flag}))), *syns(6, 41000)),
        )


WAYS = {
    "dr": destination(V4.one, DR),
    "ipip": destination(V4.one, TUN),
    "gre": destination(V4.one, TUN, tunnel=Tunnel(TunnelType.GRE)),
    "nat": destination(V4.one, NAT),
}


def methods() -> Iterator[Exchange]:
    """-e with another method, on the same endpoint; the living connection keeps its own."""
    for (old, was), (new, now) in product(WAYS.items(), repeat=2):
        if old == new:
            continue
        yield Exchange(
            f"a server's method changes from {old} to {new}",
            setting(service(was)),
            (
                *opened(),
                Apply(setting(service(now))),
                segment("A"),
                segment("S", port=40001),
                segment("A", port=40001),
                *(
                    (answer("SA", sport=80), answer("SA", sport=80, port=40001))
                    if "nat" in (old, new)
                    else ()
                ),
                segment("R"),
                segment("S"),
            ),
        )


def gone() -> Iterator[Exchange]:
    """Servers and services deleted and added again, in another order, with another weight or method."""
    both = service(*to(DR, V4.one, V4.two))
    turned = replace(both, destinations=both.destinations[::-1])
    yield Exchange(
        "both servers deleted, and back in the other order",
        setting(both),
        (
            *syns(3),
            Apply(setting(replace(both, destinations=()))),
            segment("A"),
            segment("S", port=41000),
            Apply(setting(turned)),
            segment("A"),
            *syns(3, 42000),
        ),
    )


def gone_twice() -> Iterator[Exchange]:
    both = service(*to(DR, V4.one, V4.two))
    one = replace(both, destinations=both.destinations[:1])
    yield Exchange(
        "a server deleted twice while its connections live",
        setting(both),
        (
            *syns(2),
            Apply(setting(one)),
            segment("A"),
            Apply(setting(both)),
            segment("A"),
            Apply(setting(one)),
            segment("A"),
            Apply(setting(both)),
            *syns(4, 41000),
        ),
    )


def services_gone() -> Iterator[Exchange]:
    both = service(*to(DR, V4.one, V4.two))
    one = replace(both, destinations=both.destinations[:1])
    other = service(*to(NAT, V4.one, V4.two), port=81)
    for what, back in (("with its servers", both), ("empty", service()), ("with one server", one)):
        yield Exchange(
            f"a service deleted beside another, and back {what}",
            setting(both, other),
            (
                *syns(2),
                Apply(setting(other)),
                segment("S", to=81, port=43000),
                Apply(setting(back, other)),
                segment("A"),
                segment("A", port=40001),
                *syns(2, 41000),
            ),
        )


def quiet_then_gone() -> Iterator[Exchange]:
    both = service(*to(DR, V4.one, V4.two))
    quiet = replace(both, destinations=tuple(replace(each, weight=0) for each in both.destinations))
    yield Exchange(
        "every server quiet, then deleted one by one",
        setting(both),
        (
            *opened(),
            Apply(setting(quiet)),
            segment("A"),
            segment("S", port=41000),
            Apply(setting(replace(quiet, destinations=quiet.destinations[:1]))),
            segment("A"),
            segment("S"),
            Apply(setting(replace(quiet, destinations=()))),
            segment("A"),
        ),
    )


SCHEDULING = (*schedulers(), *hashes())
CHANGES = (
    *changes(),
    *rescheduled(),
    *methods(),
    *gone(),
    *gone_twice(),
    *services_gone(),
    *quiet_then_gone(),
)
