# SPDX-License-Identifier: Apache-2.0
"""secure_tcp and drop_packet at level 3, which asks for no shortage; timeouts of a service's own.

What a kernel was seen to do; tests/interop/walks.py has secure_tcp's whole table.
"""

from __future__ import annotations

from dataclasses import replace

from director.model import ForwardingMethod, Tunables, VirtualService
from tests.packets.case import Apply, Case, Listed, Send, State, Step, drops, sends
from tests.packets.cases.states import entry, segment
from tests.packets.frames import Chunk, sctp, tcp, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, calls, names, setting, web
from tests.packets.transform import direct, reset_for

DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT
SECURE = Tunables(secure_tcp=3)
Moves = tuple[tuple[str, State, int], ...]


def steps(method: ForwardingMethod, moves: Moves) -> tuple[Step, ...]:
    return tuple(
        step
        for move, state, seconds in moves
        for step in (segment(0, move[0], move[1:], method), Listed(0, entry(state, seconds)))
    )


HALF = Case(
    "secure_tcp: a half-seen SYN waits for its ACK longer, and a reset ends it",
    setting(web(DR), tunables=SECURE),
    steps(DR, ((">S", State.SYNACK, 120), (">S", State.SYNACK, 120), (">R", State.CLOSE, 10))),
)
BOTH = Case(
    "secure_tcp: an ACK is none before the server has answered",
    setting(web(NAT), tunables=SECURE),
    steps(
        NAT,
        (
            (">S", State.SYN_RECV, 60),
            (">A", State.SYN_RECV, 60),
            ("<SA", State.SYNACK, 120),
            (">A", State.SYNACK, 120),
            ("<A", State.ESTABLISHED, 900),
        ),
    ),
)
MEMORY = Case(
    "secure_tcp by itself changes nothing while memory is enough",
    setting(web(DR), tunables=Tunables(secure_tcp=1)),
    steps(DR, ((">S", State.SYN_RECV, 60), (">R", State.SYN_RECV, 60), (">A", State.ESTABLISHED, 900))),
)


def opening(port: int, *, dropped: bool) -> Send:
    frame = tcp("S", port=port)
    want = drops("defence") if dropped else sends(INSIDE, direct(frame, ONE), reason="new")
    return Send(0, OUTSIDE, frame, want)


DROPPED = Case(
    "drop_packet: the first of three SYNs is dropped, and so on; what opens nothing does not count",
    setting(web(DR), tunables=Tunables(drop_packet=3, am_droprate=3)),
    (
        opening(6000, dropped=True),
        opening(6001, dropped=False),
        Send(0, OUTSIDE, tcp("A", port=6001), sends(INSIDE, direct(tcp("A", port=6001), ONE), reason="hit")),
        Send(0, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")), reason="rst_sent")),
        opening(6002, dropped=False),
        opening(6003, dropped=True),
        opening(6004, dropped=False),
    ),
)
EVERY = Case(
    "drop_packet with a rate of one lets no connection through",
    setting(web(DR), tunables=Tunables(drop_packet=3, am_droprate=1)),
    tuple(opening(port, dropped=True) for port in (6000, 6001, 6002)),
)
AUTOMATIC = Case(
    "drop_packet by itself drops nothing while memory is enough",
    setting(web(DR), tunables=Tunables(drop_packet=1, am_droprate=1)),
    (opening(6000, dropped=False),),
)


def own(service: VirtualService, **seconds: int) -> VirtualService:
    return replace(service, timeouts=tuple(seconds.items()))


PATIENT = setting(own(web(DR), tcp_syn_recv=7, tcp_established=4000), own(names(DR), udp=11))
HASTY = setting(own(web(DR), tcp_established=20), own(names(DR), udp=11))
OWN = Case(
    "a service's own timeouts hold for its connections, and a change for the next packet",
    PATIENT,
    (
        segment(0, ">", "S", DR),
        Listed(0, entry(State.SYN_RECV, 7)),
        segment(0, ">", "A", DR),
        Listed(0, entry(State.ESTABLISHED, 4000)),
        Apply(HASTY),
        Listed(0, entry(State.ESTABLISHED, 4000)),
        segment(1000, ">", "A", DR),
        Listed(1000, entry(State.ESTABLISHED, 20)),
        Apply(setting(web(DR), names(DR))),
        segment(2000, ">", "A", DR),
        Listed(2000, entry(State.ESTABLISHED, 900)),
    ),
)
OTHERS = Case(
    "other services keep the timeouts of all",
    setting(own(web(DR), udp=11, tcp_established=20), names(DR)),
    (
        Send(0, OUTSIDE, udp(), sends(INSIDE, direct(udp(), ONE), reason="new")),
        Listed(0, entry(State.UDP, 300, protocol=17, port=53)),
    ),
)
ASSOCIATED = Case(
    "an SCTP service has timeouts of its own as well",
    setting(own(calls(DR), sctp_init1=9)),
    (
        Send(0, OUTSIDE, sctp(Chunk.INIT), sends(INSIDE, direct(sctp(Chunk.INIT), ONE), reason="new")),
        Listed(0, entry(State.INIT1, 9, protocol=132, port=9000)),
    ),
)

CASES = (HALF, BOTH, MEMORY, DROPPED, EVERY, AUTOMATIC, OWN, OTHERS, ASSOCIATED)
