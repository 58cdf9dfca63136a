# SPDX-License-Identifier: Apache-2.0
"""One-packet scheduling: each datagram gets a server of its own, and nothing is remembered."""

from __future__ import annotations

from dataclasses import replace

from director.model import ForwardingMethod, Persistence, Protocol, VirtualService
from tests.packets.case import (
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    own_id,
    passes,
    sends,
)
from tests.packets.cases.fragments import BODY, pieces
from tests.packets.frames import udp, udp_reply
from tests.packets.network import (
    CLIENT,
    INSIDE,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    TWO,
    VIP,
    destination,
    service,
    setting,
)
from tests.packets.transform import direct, time_exceeded, translated, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
NOTHING = Listed(0, frozenset())


def once(method: ForwardingMethod = DR, port: int = 53, upper: int = 0) -> VirtualService:
    servers = (replace(destination(server, method, port), upper=upper) for server in (ONE, TWO))
    return replace(service(*servers, protocol=Protocol.UDP, port=53), one_packet=True)


def goes(frame: Packet, server: str) -> Send:
    return Send(0, OUTSIDE, frame, sends(INSIDE, direct(frame, server), reason="once"))


CASES = (
    Case(
        "datagrams of one client go round, nothing is listed, and each counts as a connection",
        setting(once()),
        (
            goes(udp(), TWO),
            goes(udp(), ONE),
            goes(udp(), TWO),
            NOTHING,
            Counted(
                f"udp:{VIP}:53",
                f"{TWO}:53",
                Counts(3, 3, 0, 108, 0),
                DestinationCounts(Counts(2, 2, 0, 72, 0)),
            ),
        ),
    ),
    Case(
        "tunnels and NAT are changed as ever; what a server answers is left to the host",
        setting(once(NAT, 5353)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), TWO, TWO, 5353), reason="once")),
            Send(0, INSIDE, udp_reply(TWO, sport=5353), passes("no_service")),
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 5353), reason="once")),
            NOTHING,
        ),
    ),
    Case(
        "a tunnel takes it",
        setting(once(TUN)),
        (Send(0, OUTSIDE, udp(), sends(INSIDE, tunnelled(udp(), TWO, TWO), reason="once")),),
    ),
    Case(
        "a datagram that dies here is scheduled all the same",
        setting(once()),
        (
            Send(0, OUTSIDE, udp(ttl=1), sends(OUTSIDE, own_id(time_exceeded(udp(ttl=1))))),
            goes(udp(), ONE),
        ),
    ),
    Case(
        "with persistence a client keeps its server by a template, which has no connections",
        setting(replace(once(), persistence=Persistence(30))),
        (
            goes(udp(), TWO),
            goes(udp(), TWO),
            goes(udp(client=OTHER_CLIENT), ONE),
            Listed(
                0,
                frozenset(
                    Entry(17, f"{client}:0", f"{VIP}:53", f"{server}:53", State.NONE, 30)
                    for client, server in ((CLIENT, TWO), (OTHER_CLIENT, ONE))
                ),
            ),
            Listed(31_000, frozenset()),
        ),
    ),
    Case(
        "a datagram is one connection to a threshold, and gone at once",
        setting(once(upper=1)),
        (goes(udp(), TWO), goes(udp(), ONE), goes(udp(), TWO)),
    ),
    Case(
        "later fragments go where their first went",
        setting(once()),
        tuple(
            Send(
                0,
                OUTSIDE,
                piece,
                sends(INSIDE, direct(piece, server), reason="once" if number == 0 else "fragment"),
            )
            for server, identification in ((TWO, 1), (ONE, 2))
            for number, piece in enumerate(pieces(udp(BODY, flags=0, id=identification)))
        ),
    ),
)
