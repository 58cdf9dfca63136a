# SPDX-License-Identifier: Apache-2.0
"""A connection in each state, and then: a SYN of its 4-tuple, or its server gone or quiet.

Each method, each conn_reuse_mode, with and without expire_nodest_conn.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from director.model import ForwardingMethod, Tunables
from tests.interop.exchange import Exchange, Inject, arriving
from tests.packets.case import Apply
from tests.packets.frames import tcp, tcp_reply, udp, udp_reply
from tests.packets.network import (
    INSIDE,
    ONE,
    OUTSIDE,
    SERVERS,
    TWO,
    Setting,
    destination,
    names,
    service,
    setting,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
Arriving = tuple[str, str]  # "c" from the client or "s" from the server, and the flags

# With two real servers round robin gives the one that was added last, TWO, the first connection.
HALF_SEEN: dict[str, tuple[Arriving, ...]] = {
    "SYN_RECV": (("c", "S"),),
    "ESTABLISHED": (("c", "S"), ("c", "A")),
    "FIN_WAIT": (("c", "S"), ("c", "A"), ("c", "FA")),
    "TIME_WAIT": (("c", "S"), ("c", "FA")),
    "CLOSE": (("c", "S"), ("c", "A"), ("c", "R")),
}
BOTH_SEEN: dict[str, tuple[Arriving, ...]] = {
    "SYN_RECV": (("c", "S"), ("s", "SA")),
    "ESTABLISHED": (("c", "S"), ("s", "SA"), ("c", "A")),
    "FIN_WAIT": (("c", "S"), ("s", "SA"), ("c", "A"), ("s", "FA")),
    "CLOSE_WAIT": (("c", "S"), ("s", "SA"), ("c", "A"), ("c", "FA")),
    "TIME_WAIT": (("c", "S"), ("s", "SA"), ("c", "A"), ("c", "FA"), ("s", "FA"), ("c", "A")),
    "CLOSE": (("c", "S"), ("s", "SA"), ("c", "A"), ("c", "R")),
    "CLOSE by the server": (("c", "S"), ("s", "SA"), ("c", "A"), ("s", "R")),
}


def states_of(method: ForwardingMethod) -> dict[str, tuple[Arriving, ...]]:
    return BOTH_SEEN if method is NAT else HALF_SEEN


def pair(method: ForwardingMethod, tunables: Tunables, weights: tuple[int, int] = (1, 1)) -> Setting:
    """Two destinations with these weights; a negative weight leaves one out."""
    port = 8080 if method is NAT else 80
    chosen = (
        destination(server, method, port, weight)
        for server, weight in zip((ONE, TWO), weights, strict=True)
        if weight >= 0
    )
    return setting(service(*chosen), tunables=tunables)


def segment(arriving_segment: Arriving, server: str = TWO) -> Inject:
    side, flags = arriving_segment
    if side == "c":
        return Inject(OUTSIDE, bytes(tcp(flags)))
    return Inject(INSIDE, bytes(tcp_reply(server, flags, sport=8080)))


def again(method: ForwardingMethod) -> tuple[Inject, ...]:
    """The 4-tuple again, and what the server says then."""
    replies = (segment(("s", "SA")), segment(("s", "SA"), ONE)) if method is NAT else ()
    return (segment(("c", "S")), *replies, segment(("c", "A")))


def reuses() -> Iterator[Exchange]:
    for method, mode in product(ForwardingMethod, range(4)):
        for state, segments in states_of(method).items():
            yield Exchange(
                f"conn_reuse_mode {mode}, {method.value}: a SYN on {state}",
                pair(method, Tunables(conn_reuse_mode=mode)),
                (*map(segment, segments), *again(method)),
            )


def losses() -> Iterator[Exchange]:
    """The server of the connection is deleted or quiesced; then comes this, and then it is back."""
    ways = {"deleted": (1, -1), "quiesced": (1, 0)}
    for method, expire, (way, weights), mode in product(ForwardingMethod, (0, 1), ways.items(), (0, 1)):
        for state in ("SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE"):
            tunables = Tunables(expire_nodest_conn=expire, conn_reuse_mode=mode)
            replies = (segment(("s", "A")), segment(("s", "A"), ONE)) if method is NAT else ()
            yield Exchange(
                f"{method.value}, expire_nodest_conn {expire}, conn_reuse_mode {mode}: "
                f"{state}, the server {way}",
                pair(method, tunables),
                (
                    *map(segment, states_of(method)[state]),
                    Apply(pair(method, tunables, weights)),
                    segment(("c", "A")),
                    *replies,
                    segment(("c", "S")),
                    segment(("c", "A")),
                    Apply(pair(method, tunables)),
                    segment(("c", "A")),
                    segment(("c", "S")),
                ),
            )


def datagram_losses() -> Iterator[Exchange]:
    for method, expire in product(ForwardingMethod, (0, 1)):
        tunables = Tunables(expire_nodest_conn=expire)
        port = 5353 if method is NAT else 53
        both = setting(names(method, SERVERS[:2], port), tunables=tunables)
        one = setting(names(method, SERVERS[:1], port), tunables=tunables)
        replies = arriving(INSIDE, udp_reply(TWO, sport=5353)) if method is NAT else ()
        yield Exchange(
            f"UDP by {method.value}, expire_nodest_conn {expire}: the server deleted, and back",
            both,
            (
                *arriving(OUTSIDE, udp()),
                Apply(one),
                *arriving(OUTSIDE, udp()),
                *replies,
                Apply(both),
                *arriving(OUTSIDE, udp(), udp()),
                *replies,
            ),
        )


def service_losses() -> Iterator[Exchange]:
    """Without any service the kernel's IPVS looks at no packet; with another one it still does."""
    for method, others in product(ForwardingMethod, ((), (names(DR),))):
        both = pair(method, Tunables()).configuration.services
        with_it, without = setting(*both, *others), setting(*others)
        replies = (segment(("s", "A")),) if method is NAT else ()
        yield Exchange(
            f"{method.value}: {'one of two services' if others else 'the service'} deleted, and back",
            with_it,
            (
                *map(segment, states_of(method)["ESTABLISHED"]),
                Apply(without),
                segment(("c", "A")),
                *replies,
                segment(("c", "S")),
                Apply(with_it),
                segment(("c", "A")),
                *replies,
            ),
        )


EXCHANGES = (*reuses(), *losses(), *datagram_losses(), *service_losses())
