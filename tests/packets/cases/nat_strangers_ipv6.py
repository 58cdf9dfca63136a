# SPDX-License-Identifier: Apache-2.0
"""nat_icmp_send over IPv6: what a NAT server sends that belongs to no connection."""

from __future__ import annotations

from scapy.layers.l2 import Ether

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Case, Packet, Send, passes, sends
from tests.packets.checksum import ETHERNET
from tests.packets.frames_ipv6 import tcp_reply
from tests.packets.network import DIRECTOR6, INSIDE, setting
from tests.packets.network_ipv6 import ONE, web
from tests.packets.transform_ipv6 import aged, packet_of, time_exceeded, unreachable_port

GIVEN = setting(web(ForwardingMethod.NAT, port=8080), tunables=Tunables(nat_icmp_send=1))


def told(bits: str) -> Send:
    frame = tcp_reply(ONE, bits, sport=8080)
    lowered = Ether(bytes(frame)[:ETHERNET] + aged(packet_of(frame)))
    return answered(frame, unreachable_port(lowered, source=DIRECTOR6), "no_connection")


def answered(frame: Packet, wanted: Packet, reason: str) -> Send:
    return Send(0, INSIDE, frame, sends(INSIDE, wanted, reason=reason))


LAST_HOP = tcp_reply(ONE, "A", sport=8080, hlim=1)

CASES = (
    Case(
        "a server is told by ICMPv6, but for its resets",
        GIVEN,
        (
            *(told(bits) for bits in ("S", "SA", "A", "FA", "")),
            Send(0, INSIDE, tcp_reply(ONE, "R", sport=8080), passes("no_service")),
        ),
    ),
    Case(
        "with no hop left it is told that instead",
        GIVEN,
        (answered(LAST_HOP, time_exceeded(LAST_HOP, source=DIRECTOR6), "ttl_expired"),),
    ),
)
