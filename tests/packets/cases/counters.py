# SPDX-License-Identifier: Apache-2.0
"""Counters: connections, packets and bytes (IP length) each way, active and inactive connections."""

from __future__ import annotations

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import Case, Counted, Counts, DestinationCounts, Send, own_id, sends
from tests.packets.cases.icmp import ERRORS, about, page
from tests.packets.frames import tcp, tcp_reply, udp, udp_reply
from tests.packets.network import INSIDE, ONE, OUTSIDE, TWO, VIP, names, setting, web
from tests.packets.transform import (
    direct,
    reset_for,
    translated,
    translated_back,
    tunnelled,
    unreachable_port,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
DATA = tcp("PA", b"GET / HTTP/1.0\r\n\r\n")
WEB = f"tcp:{VIP}:80"
NAMES = f"udp:{VIP}:53"
SYN_LENGTH, DATA_LENGTH, QUESTION_LENGTH, ANSWER_LENGTH = 40, 58, 36, 34
assert (tcp("S")[IP].len, DATA[IP].len, udp()[IP].len) == (SYN_LENGTH, DATA_LENGTH, QUESTION_LENGTH)


def counted(counts: Counts, active: int, inactive: int, service: str = WEB, server: str = ONE) -> Counted:
    """Service and destination have seen the same."""
    port = service.rpartition(":")[2]
    return Counted(service, f"{server}:{port}", counts, DestinationCounts(counts, active, inactive))


def forwarded(at: int, flags: str, payload: bytes = b"") -> Send:
    frame = tcp(flags, payload)
    return Send(at, OUTSIDE, frame, sends(INSIDE, direct(frame, ONE)))


CASES = (
    Case("nothing came, nothing is counted", setting(web(DR)), (counted(Counts(), 0, 0),)),
    Case(
        "a connection through its life: active while open, inactive once it closes, gone after its time",
        setting(web(DR)),
        (
            forwarded(0, "S"),
            counted(Counts(1, 1, 0, 40, 0), 1, 0),
            forwarded(1, "A"),
            counted(Counts(1, 2, 0, 80, 0), 1, 0),
            forwarded(2, "PA", b"12345"),
            counted(Counts(1, 3, 0, 125, 0), 1, 0),
            forwarded(3, "FA"),
            counted(Counts(1, 4, 0, 165, 0), 0, 1),
            forwarded(4, "S"),
            counted(Counts(1, 5, 0, 205, 0), 1, 0),
        ),
    ),
    Case(
        "a tunnel's bytes are those of the inner packet",
        setting(web(TUN)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, tunnelled(tcp("S"), ONE, ONE))),
            Send(1, OUTSIDE, DATA, sends(INSIDE, tunnelled(DATA, ONE, ONE))),
            counted(Counts(1, 2, 0, SYN_LENGTH + DATA_LENGTH, 0), 1, 0),
        ),
    ),
    Case(
        "NAT counts what comes back, too, and UDP is always inactive",
        setting(names(NAT)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 53))),
            counted(Counts(1, 1, 0, QUESTION_LENGTH, 0), 0, 1, NAMES),
            Send(1, INSIDE, udp_reply(ONE), sends(OUTSIDE, translated_back(udp_reply(ONE), 53))),
            counted(Counts(1, 1, 1, QUESTION_LENGTH, ANSWER_LENGTH), 0, 1, NAMES),
        ),
    ),
    Case(
        "padding is not counted",
        setting(web(DR)),
        (
            Send(0, OUTSIDE, Ether(bytes(tcp("S")) + b"\0" * 6), sends(INSIDE, direct(tcp("S"), ONE))),
            counted(Counts(1, 1, 0, 40, 0), 1, 0),
        ),
    ),
    Case(
        "each destination has its own counters, the service their sum",
        setting(web(DR, (ONE, TWO))),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), TWO))),
            Send(1, OUTSIDE, tcp("S", port=2), sends(INSIDE, direct(tcp("S", port=2), ONE))),
            Send(2, OUTSIDE, tcp("A", port=2), sends(INSIDE, direct(tcp("A", port=2), ONE))),
            Counted(
                WEB, f"{ONE}:80", Counts(2, 3, 0, 120, 0), DestinationCounts(Counts(1, 2, 0, 80, 0), 1, 0)
            ),
            Counted(
                WEB, f"{TWO}:80", Counts(2, 3, 0, 120, 0), DestinationCounts(Counts(1, 1, 0, 40, 0), 1, 0)
            ),
        ),
    ),
    Case(
        "what is answered or dropped for want of a connection counts for nobody",
        setting(web(DR), names(DR, ())),
        (
            Send(0, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")))),
            Send(1, OUTSIDE, udp(), sends(OUTSIDE, own_id(unreachable_port(udp())))),
            counted(Counts(), 0, 0),
        ),
    ),
    Case(
        "an ICMP error about a flow counts for the flow's destination",
        setting(web(DR)),
        (
            forwarded(0, "S"),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80), ERRORS[0]),
                sends(INSIDE, direct(about(page(VIP, 80), ERRORS[0]), ONE)),
            ),
            counted(Counts(1, 2, 0, 40 + 576, 0), 1, 0),
        ),
    ),
    Case(
        "a SYN that opens the 4-tuple anew counts a connection, and the old one is gone",
        setting(web(DR)),
        (
            forwarded(0, "S"),
            forwarded(1, "A"),
            forwarded(2, "R"),
            counted(Counts(1, 3, 0, 120, 0), 0, 1),
            forwarded(3, "S"),
            counted(Counts(2, 4, 0, 160, 0), 1, 0),
        ),
    ),
    Case(
        "both halves: active and inactive follow the state that both sides made",
        setting(web(NAT)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Send(1, INSIDE, tcp_reply(ONE, "SA"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA"), 80))),
            counted(Counts(1, 1, 1, 40, 40), 1, 0),
            Send(2, INSIDE, tcp_reply(ONE, "R"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "R"), 80))),
            counted(Counts(1, 1, 2, 40, 80), 0, 1),
        ),
    ),
)
