# SPDX-License-Identifier: Apache-2.0
"""ICMP errors about the packets of every kind of tunnel, with either family outside and inside."""

from __future__ import annotations

from collections.abc import Iterator

from tests.packets.case import Case, Packet, Send, passes
from tests.packets.cases.outer_errors import (
    PLAIN,
    about,
    error,
    fits,
    is_told,
    learned,
    learns,
    opened,
    quoted,
)
from tests.packets.cases.tunnel_kinds import WAYS, Way
from tests.packets.network import INSIDE

GRE, GUE, SIX = Way(4, 4, "gre"), Way(4, 4, "gue"), Way(6, 6, "ipip")
LEARNING = tuple(way for way in WAYS if way != PLAIN and (way.inner, way.outer) != (6, 4))


def bounds() -> Iterator[Case]:
    for told in (0, 1280, 1339, 1340):
        yield Case(
            f"a path of {told} bytes by IPv6 always has room for a packet of 1280",
            SIX.setting(),
            (opened(SIX), learns(1, about(SIX, told)), fits(2, SIX, 1300), is_told(3, SIX, 1301, 1300)),
        )
    for told in (1500, 65536, 0xFFFFFFFF):
        yield Case(
            f"a path of {told} bytes by IPv6 is no narrower than the next hop",
            SIX.setting(),
            (opened(SIX), learns(1, about(SIX, told)), fits(2, SIX, 1460), is_told(3, SIX, 1461, 1460)),
        )


def altered(way: Way, at: int, value: int) -> Packet:
    """An error about a packet of which one byte is another."""
    packet = bytearray(quoted(way))
    packet[at] = value
    return error(bytes(packet)[:548], family=way.outer)


def not_believed() -> Iterator[Case]:
    frames = (
        (GRE, "about GRE with a key", altered(GRE, 20, 0x20)),
        (GRE, "about GRE with neither family inside", altered(GRE, 23, 0x06)),
        (GRE, "that ends within GRE's header", error(quoted(GRE)[:23])),
        (GUE, "about GUE of another length", altered(GUE, 28, 0x01)),
        (GUE, "about GUE with a control message", altered(GUE, 28, 0x20)),
        (GUE, "about GUE with neither family inside", altered(GUE, 29, 0x06)),
        (GUE, "that ends within GUE's header", error(quoted(GUE)[:31])),
        (SIX, "that ends within the IPv6 header inside", error(quoted(SIX)[:79], family=6)),
        (SIX, "that ends within the ports inside", error(quoted(SIX)[:83], family=6)),
        (SIX, "about a packet to another server", altered(SIX, 39, 0x12)),
        (SIX, "about a packet from another director", altered(SIX, 23, 0x02)),
    )
    for way, what, frame in frames:
        room = 1500 - way.overhead
        yield Case(
            f"{way}: an error {what} teaches nothing, and is left to the stack",
            way.setting(),
            (opened(way), Send(1, INSIDE, frame, passes("icmp_unrelated")), fits(2, way, room)),
        )


CASES = (*map(learned, LEARNING), *bounds(), *not_believed())
