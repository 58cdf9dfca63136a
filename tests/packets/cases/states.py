# SPDX-License-Identifier: Apache-2.0
"""Connection states: every sequence of up to three segments, as the listing shows it, and when entries die.

The wanted states are walked here through the reference's tables in text form (model/tcp.py), and a few
sequences are spelled out by hand so that the tables themselves are held to what kernel IPVS was seen to do.
"""

from __future__ import annotations

from itertools import product

from director.model import ForwardingMethod, Timeouts, Tunables
from tests.packets.case import Case, Entry, Listed, Send, State, Step, sends
from tests.packets.frames import PORT, tcp, tcp_reply, udp, udp_reply
from tests.packets.model.tcp import Seen, step, timeout_ms
from tests.packets.network import CLIENT, INSIDE, ONE, OUTSIDE, VIP, Setting, names, setting, web
from tests.packets.transform import direct, reset_for, translated, translated_back, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
EVENTS = ("S", "A", "F", "R", "P")
IN, OUT = ">", "<"


def entry(
    state: State,
    expires: int,
    *,
    protocol: int = 6,
    port: int = 80,
    server: str = ONE,
    client_port: int = PORT,
) -> frozenset[Entry]:
    """One connection of the client, as it is listed."""
    return frozenset(
        {Entry(protocol, f"{CLIENT}:{client_port}", f"{VIP}:{port}", f"{server}:{port}", state, expires)}
    )


def segment(at: int, way: str, flags: str, method: ForwardingMethod) -> Send:
    """One segment of the connection, forwarded as its method says."""
    if way == OUT:
        reply = tcp_reply(ONE, flags)
        return Send(at, INSIDE, reply, sends(OUTSIDE, translated_back(reply, 80)))
    frame = tcp(flags)
    made = {
        DR: lambda: direct(frame, ONE),
        TUN: lambda: tunnelled(frame, ONE, ONE),
        NAT: lambda: translated(frame, ONE, ONE, 80),
    }
    return Send(at, OUTSIDE, frame, sends(INSIDE, made[method]()))


def listed_as(state: State, at: int) -> Listed:
    return Listed(at, entry(state, timeout_ms(Timeouts(), state) // 1000))


def sequence(method: ForwardingMethod, given: Setting, moves: tuple[tuple[str, str], ...]) -> Case:
    """Segments one second apart, the state listed after each."""
    steps: list[Step] = []
    state = State.NONE
    for at, (way, flags) in enumerate(moves):
        seen = Seen.OUTPUT if way == OUT else (Seen.INPUT if method is NAT else Seen.INPUT_ONLY)
        state = step(state, seen, flags)
        steps += [segment(at * 1000, way, flags, method), listed_as(state, at * 1000)]
    said = " ".join(f"{way}{flags}" for way, flags in moves)
    return Case(f"states with {method.value}: {said}", given, tuple(steps))


def sequences(method: ForwardingMethod, *, sloppy: bool = False) -> tuple[Case, ...]:
    """Every sequence of three; conn_reuse_mode 0, so that a SYN never opens a second connection."""
    given = setting(web(method), tunables=Tunables(conn_reuse_mode=0, sloppy_tcp=int(sloppy)))
    first = [(IN, flags) for flags in (("A", "F", "P") if sloppy else ("S",))]
    later = [(way, flags) for way in ((IN, OUT) if method is NAT else (IN,)) for flags in EVENTS]
    return tuple(sequence(method, given, moves) for moves in product(first, later, later))


def spelled(name: str, method: ForwardingMethod, *moves: tuple[str, State, int]) -> Case:
    """A sequence with its states and timeouts written out; a move is a way sign and flags."""
    steps: list[Step] = []
    for at, (move, state, seconds) in enumerate(moves):
        steps += [segment(at * 1000, move[0], move[1:], method), Listed(at * 1000, entry(state, seconds))]
    return Case(name, setting(web(method)), tuple(steps))


SPELLED = (
    spelled(
        "half a connection: SYN, ACK, FIN, then FIN_WAIT whatever follows",
        DR,
        (">S", State.SYN_RECV, 60),
        (">A", State.ESTABLISHED, 900),
        (">PA", State.ESTABLISHED, 900),
        (">FA", State.FIN_WAIT, 120),
        (">A", State.FIN_WAIT, 120),
        (">FA", State.FIN_WAIT, 120),
    ),
    spelled(
        "a half-open connection ignores a reset", DR, (">S", State.SYN_RECV, 60), (">R", State.SYN_RECV, 60)
    ),
    spelled(
        "a reset closes an established connection",
        TUN,
        (">S", State.SYN_RECV, 60),
        (">A", State.ESTABLISHED, 900),
        (">RA", State.CLOSE, 10),
    ),
    spelled("SYN then FIN is TIME_WAIT", DR, (">S", State.SYN_RECV, 60), (">F", State.TIME_WAIT, 120)),
    spelled(
        "a SYN on an established connection changes nothing, on FIN_WAIT it begins anew",
        DR,
        (">S", State.SYN_RECV, 60),
        (">A", State.ESTABLISHED, 900),
        (">S", State.ESTABLISHED, 900),
        (">F", State.FIN_WAIT, 120),
        (">S", State.SYN_RECV, 60),
    ),
    spelled(
        "both halves: the real server closes first",
        NAT,
        (">S", State.SYN_RECV, 60),
        ("<SA", State.SYN_RECV, 60),
        (">A", State.ESTABLISHED, 900),
        ("<FA", State.FIN_WAIT, 120),
        (">A", State.FIN_WAIT, 120),
        (">FA", State.TIME_WAIT, 120),
        ("<A", State.TIME_WAIT, 120),
    ),
    spelled(
        "both halves: the client closes first",
        NAT,
        (">S", State.SYN_RECV, 60),
        ("<SA", State.SYN_RECV, 60),
        (">A", State.ESTABLISHED, 900),
        (">FA", State.CLOSE_WAIT, 60),
        ("<FA", State.TIME_WAIT, 120),
    ),
)


def ends_after(seconds: int, *moves: str) -> Case:
    """The entry is there a second before its time and gone a second after."""
    steps: list[Step] = [segment(0, move[0], move[1:], DR) for move in moves]
    before, after = (seconds - 1) * 1000, (seconds + 1) * 1000
    last = segment(0, ">", "P", DR)
    state = State.NONE
    for move in moves:
        state = step(state, Seen.INPUT_ONLY, move[1:])
    steps += [
        Listed(before, entry(state, 1)),
        Listed(after, frozenset()),
        Send(after, OUTSIDE, last.frame, sends(OUTSIDE, reset_for(last.frame), reason="rst_sent")),
    ]
    return Case(f"after {' '.join(moves)} an idle entry lives {seconds} s", setting(web(DR)), tuple(steps))


FAST = setting(
    web(DR), names(NAT), timeouts=Timeouts(tcp_established=30, udp=7, tcp_syn_recv=5, tcp_fin_wait=9)
)
ESTABLISHED = (segment(0, ">", "S", DR), segment(0, ">", "A", DR))

CASES = (
    *SPELLED,
    *sequences(DR),
    *sequences(TUN),
    *sequences(NAT),
    *sequences(DR, sloppy=True),
    *sequences(NAT, sloppy=True),
    ends_after(60, ">S"),
    ends_after(900, ">S", ">A"),
    ends_after(120, ">S", ">A", ">F"),
    ends_after(10, ">S", ">A", ">R"),
    Case(
        "each packet gives an entry its whole time again",
        setting(web(DR)),
        (
            *ESTABLISHED,
            *(segment(at * 600_000, ">", "A", DR) for at in range(1, 6)),
            Listed(3_000_000, entry(State.ESTABLISHED, 900)),
            Listed(3_899_000, entry(State.ESTABLISHED, 1)),
            Listed(3_901_000, frozenset()),
        ),
    ),
    Case(
        "a UDP entry lives 300 s after its last datagram, either way",
        setting(names(NAT)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 53))),
            Listed(0, entry(State.UDP, 300, protocol=17, port=53)),
            Send(200_000, INSIDE, udp_reply(ONE), sends(OUTSIDE, translated_back(udp_reply(ONE), 53))),
            Listed(499_000, entry(State.UDP, 1, protocol=17, port=53)),
            Listed(501_000, frozenset()),
        ),
    ),
    Case(
        "timeouts are the operator's",
        FAST,
        (
            segment(0, ">", "S", DR),
            Listed(0, entry(State.SYN_RECV, 5)),
            segment(0, ">", "A", DR),
            Listed(0, entry(State.ESTABLISHED, 30)),
            segment(0, ">", "F", DR),
            Listed(0, entry(State.FIN_WAIT, 9)),
            Send(10_000, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 53))),
            Listed(10_000, entry(State.UDP, 7, protocol=17, port=53)),
            Listed(18_000, frozenset()),
        ),
    ),
)
