# SPDX-License-Identifier: Apache-2.0
"""Thresholds: a destination with enough connections is passed over until it has few enough again."""

from __future__ import annotations

from dataclasses import replace

from director.model import ForwardingMethod, Protocol, Tunables
from tests.packets.case import Apply, Case, Send, own_id, sends
from tests.packets.frames import tcp, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, TWO, Setting, destination, service, setting
from tests.packets.transform import direct, unreachable_port

DR = ForwardingMethod.DR
CLOSE_MS = 10_000  # how long a connection is listed that began with FIN


def names(*thresholds: tuple[int, int], weight: int = 1) -> Setting:
    """A UDP service by round robin whose destinations have these thresholds, upper and lower."""
    limited = (
        replace(destination(server, port=53, weight=weight), upper=upper, lower=lower)
        for server, (upper, lower) in zip((ONE, TWO), thresholds, strict=False)
    )
    return setting(service(*limited, protocol=Protocol.UDP, port=53))


def asks(at: int, port: int, server: str) -> Send:
    return Send(at, OUTSIDE, udp(port=port), sends(INSIDE, direct(udp(port=port), server)))


def refused(at: int, port: int) -> Send:
    frame = udp(port=port)
    return Send(at, OUTSIDE, frame, sends(OUTSIDE, own_id(unreachable_port(frame)), reason="no_dest"))


def opens(at: int, port: int) -> Send:
    """Under sloppy_tcp a lone FIN opens a connection that is over in 10 s."""
    frame = tcp("F", port=port)
    return Send(at, OUTSIDE, frame, sends(INSIDE, direct(frame, ONE), reason="new"))


def sloppy(upper: int, lower: int = 0) -> Setting:
    limited = replace(destination(ONE), upper=upper, lower=lower)
    return setting(service(limited), tunables=Tunables(sloppy_tcp=1))


def full(at: int, port: int) -> Send:
    frame = tcp("F", port=port)
    return Send(at, OUTSIDE, frame, sends(OUTSIDE, own_id(unreachable_port(frame)), reason="no_dest"))


CASES = (
    Case(
        "a destination takes as many connections as its upper threshold, and its known ones go on",
        names((3, 0)),
        (*(asks(0, port, ONE) for port in (1, 2, 3)), refused(0, 4), asks(1, 1, ONE), refused(2, 5)),
    ),
    Case(
        "who is full is passed over for others",
        names((0, 0), (1, 0)),
        (asks(0, 1, TWO), asks(0, 2, ONE), asks(0, 3, ONE), asks(0, 4, ONE)),
    ),
    Case(
        "without a lower threshold it must fall below three quarters of the upper one",
        sloppy(4),
        (
            *(opens(1000 * port, port) for port in (1, 2, 3, 4)),
            full(5000, 5),
            full(CLOSE_MS + 1000, 1),
            opens(CLOSE_MS + 2000, 2),
        ),
    ),
    Case(
        "with a lower threshold it must fall below that",
        sloppy(3, 2),
        (
            *(opens(1000 * port, port) for port in (1, 2, 3)),
            full(4000, 4),
            full(CLOSE_MS + 1000, 1),
            opens(CLOSE_MS + 2000, 2),
        ),
    ),
    Case(
        "a threshold that is set below what there is holds from the next connection on",
        names((0, 0)),
        (
            *(asks(0, port, ONE) for port in (1, 2, 3)),
            Apply(names((3, 0))),
            asks(1, 4, ONE),
            refused(1, 5),
        ),
    ),
    Case(
        "a threshold that is raised lets connections in again",
        names((2, 0)),
        (
            asks(0, 1, ONE),
            asks(0, 2, ONE),
            refused(0, 3),
            Apply(names((5, 0))),
            *(asks(1, port, ONE) for port in (4, 5, 6)),
            refused(1, 7),
        ),
    ),
    Case(
        "a threshold that is taken away does so too",
        names((2, 0)),
        (asks(0, 1, ONE), asks(0, 2, ONE), refused(0, 3), Apply(names((0, 0))), asks(1, 4, ONE)),
    ),
    Case(
        "a threshold that is lowered, or stays, does not",
        names((2, 0)),
        (
            asks(0, 1, ONE),
            asks(0, 2, ONE),
            refused(0, 3),
            Apply(names((2, 1))),
            refused(1, 4),
            Apply(names((1, 0), weight=5)),
            refused(2, 5),
        ),
    ),
    Case(
        "a destination that is deleted and added again is as full as it was",
        names((2, 0)),
        (
            asks(0, 1, ONE),
            asks(0, 2, ONE),
            Apply(names()),
            refused(1, 3),
            Apply(names((2, 0))),
            refused(2, 4),
            Apply(names()),
            Apply(names((3, 0))),
            asks(3, 5, ONE),
            refused(3, 6),
        ),
    ),
)
