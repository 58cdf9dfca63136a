# SPDX-License-Identifier: Apache-2.0
"""SCTP: which packet opens an association, what its chunks mean, ports under the checksum, errors about it.

The wanted states and frames are what a kernel was seen to answer; tests/interop/walks.py has every short
sequence of chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scapy.layers.inet import IP
from scapy.packet import Raw

from director.model import ForwardingMethod, Timeouts, Tunables
from tests.packets.case import (
    Apply,
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    Step,
    drops,
    own_id,
    passes,
    sends,
)
from tests.packets.frames import (
    PORT,
    Chunk,
    association,
    chunk,
    explicit,
    icmp_error,
    ipv4,
    outside,
    sctp,
    sctp_reply,
)
from tests.packets.model.sctp import timeout_ms
from tests.packets.network import CLIENT, INSIDE, ONE, OUTSIDE, TWO, VIP, Setting, calls, setting
from tests.packets.transform import (
    direct,
    translated,
    translated_back,
    tunnelled,
    unreachable_port,
    unreachable_protocol,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
INIT, ECHO, DATA, ABORT = Chunk.INIT, Chunk.COOKIE_ECHO, Chunk.DATA, Chunk.ABORT
SERVER_PORT = 9001
Move = tuple[Packet, State]


def given(method: ForwardingMethod, **tunables: int) -> Setting:
    port = SERVER_PORT if method is NAT else 9000
    return setting(calls(method, port=port), tunables=Tunables(**tunables))


def forwarded(frame: Packet, method: ForwardingMethod, server: str = ONE) -> Packet:
    if method is TUN:
        return tunnelled(frame, server, server)
    return direct(frame, server) if method is DR else translated(frame, server, server, SERVER_PORT)


def arrives(at: int, frame: Packet, method: ForwardingMethod, reason: str = "", server: str = ONE) -> Send:
    return Send(at, OUTSIDE, frame, sends(INSIDE, forwarded(frame, method, server), reason=reason))


def answers(at: int, *chunks: Chunk | bytes) -> Send:
    frame = sctp_reply(ONE, *chunks, sport=SERVER_PORT)
    return Send(at, INSIDE, frame, sends(OUTSIDE, translated_back(frame, 9000), reason="reply"))


def listed(at: int, state: State, method: ForwardingMethod, server: str = ONE) -> Listed:
    port = SERVER_PORT if method is NAT else 9000
    seconds = timeout_ms(Timeouts(), state) // 1000
    entry = Entry(132, f"{CLIENT}:{PORT}", f"{VIP}:9000", f"{server}:{port}", state, seconds)
    return Listed(at, frozenset({entry}))


def first_packets() -> Iterator[Case]:
    for method in (DR, TUN, NAT):
        opened = (arrives(0, sctp(INIT), method, "new"), listed(0, State.INIT1, method))
        yield Case(f"an INIT opens an association by {method.value}", given(method), opened)
    for kind in Chunk:
        if kind is INIT:
            continue
        frame = sctp(kind)
        refused = sends(OUTSIDE, own_id(unreachable_protocol(frame)), reason="no_association")
        yield Case(
            f"{kind.name} of no association is answered as by a host without SCTP",
            given(DR),
            (Send(0, OUTSIDE, frame, refused), Listed(0, frozenset())),
        )
        wanted = refused if kind is ABORT else sends(INSIDE, direct(frame, ONE), reason="new")
        yield Case(
            f"sloppy_sctp: {kind.name} {'does not open' if kind is ABORT else 'opens'} an association",
            given(DR, sloppy_sctp=1),
            (Send(0, OUTSIDE, frame, wanted),),
        )


def half_an_association(method: ForwardingMethod) -> Case:
    moves: tuple[tuple[Chunk, State], ...] = (
        (INIT, State.INIT1),
        (INIT, State.INIT),
        (ECHO, State.ESTABLISHED),
        (DATA, State.ESTABLISHED),
        (Chunk.SACK, State.ESTABLISHED),
        (Chunk.SHUTDOWN, State.SHUTDOWN_RECEIVED),
        (Chunk.SHUTDOWN_COMPLETE, State.CLOSED),
    )
    steps: list[Step] = []
    for at, (kind, state) in enumerate(moves):
        steps += [arrives(at * 1000, sctp(kind), method), listed(at * 1000, state, method)]
    return Case(f"half an association by {method.value}", given(method), tuple(steps))


BOTH_HALVES = Case(
    "both halves of an association, with another port on the server",
    given(NAT),
    (
        arrives(0, sctp(INIT), NAT, "new"),
        listed(0, State.INIT1, NAT),
        answers(0, Chunk.INIT_ACK),
        listed(0, State.COOKIE_SENT, NAT),
        arrives(0, sctp(ECHO), NAT, "hit"),
        listed(0, State.COOKIE_REPLIED, NAT),
        answers(0, Chunk.COOKIE_ACK),
        listed(0, State.ESTABLISHED, NAT),
        *(arrives(0, sctp(chunk(DATA, size)), NAT, "hit") for size in (16, 17, 100, 1000, 1468)),
        answers(0, chunk(DATA, 1001)),
        Counted(
            f"sctp:{VIP}:9000",
            f"{ONE}:{SERVER_PORT}",
            Counts(1, 7, 3, 2 * 48 + 48 + 52 + 132 + 1032 + 1500, 2 * 48 + 1036),
            DestinationCounts(
                Counts(1, 7, 3, 2 * 48 + 48 + 52 + 132 + 1032 + 1500, 2 * 48 + 1036), active=1, inactive=0
            ),
        ),
        answers(0, Chunk.SHUTDOWN),
        listed(0, State.SHUTDOWN_SENT, NAT),
        arrives(0, sctp(Chunk.SHUTDOWN_ACK), NAT, "hit"),
        listed(0, State.CLOSED, NAT),
    ),
)


def bundles() -> Iterator[Case]:
    aborted = {
        "COOKIE ECHO": sctp(ECHO, ABORT),
        "COOKIE ACK": sctp(Chunk.COOKIE_ACK, ABORT),
        "a padded COOKIE ECHO": sctp(chunk(ECHO, 17), ABORT),
        "a COOKIE ECHO of 700 bytes": sctp(chunk(ECHO, 700), ABORT),
    }
    goes_on = {
        "an ABORT behind DATA is not seen": (sctp(DATA, ABORT), State.INIT1),
        "an ABORT behind a COOKIE ECHO and DATA is not seen": (sctp(ECHO, DATA, ABORT), State.ESTABLISHED),
        "an ABORT behind a cookie of 3 bytes is not seen": (
            sctp(b"\x0a\0\0\3", ABORT),
            State.ESTABLISHED,
        ),
        "a cookie that says it is longer than the packet": (sctp(b"\x0a\0\3\0"), State.ESTABLISHED),
        "a chunk of a type that nobody knows is data": (sctp(b"\xc0\0\0\4"), State.INIT1),
    }
    for name, frame in aborted.items():
        steps = (arrives(0, sctp(INIT), DR), arrives(0, frame, DR), listed(0, State.CLOSED, DR))
        yield Case(f"an ABORT behind {name} ends the association", given(DR), steps)
    for name, (frame, state) in goes_on.items():
        yield Case(name, given(DR), (arrives(0, sctp(INIT), DR), arrives(0, frame, DR), listed(0, state, DR)))


def cut(length: int) -> Packet:
    """A packet of which no more than this has come, after the IP header."""
    packet = association(PORT, 9000, DATA)[:length]
    return explicit(outside() / ipv4(CLIENT, VIP, proto=132) / Raw(packet))


def stumps() -> Iterator[Case]:
    for length in (4, 8, 11, 12, 15):
        yield Case(
            f"{length} bytes of SCTP open nothing",
            given(DR),
            (Send(0, OUTSIDE, cut(length), drops("truncated")),),
        )
    for length in (4, 8, 11, 12):
        known = arrives(0, sctp(INIT), DR), arrives(1000, cut(length), DR), listed(1000, State.INIT1, DR)
        yield Case(f"{length} bytes of SCTP change no state", given(DR), known)
    for length in (0, 2, 3):
        yield Case(
            f"{length} bytes of SCTP are no packet",
            given(DR),
            (Send(0, OUTSIDE, cut(length), drops("truncated")),),
        )
    yield Case(
        "8 bytes of SCTP are too short for NAT",
        given(NAT),
        (arrives(0, sctp(INIT), NAT), Send(0, OUTSIDE, cut(8), drops("truncated"))),
    )


def reuse(mode: int, state: State, server: str) -> Case:
    two = setting(calls(DR, (ONE, TWO)), tunables=Tunables(conn_reuse_mode=mode))
    return Case(
        f"an INIT on a closed association with conn_reuse_mode {mode}",
        two,
        (
            arrives(0, sctp(INIT), DR, server=TWO),
            arrives(0, sctp(ABORT), DR, server=TWO),
            listed(0, State.CLOSED, DR, TWO),
            arrives(0, sctp(INIT), DR, server=server),
            listed(0, state, DR, server),
        ),
    )


def quoted(sport: int, *, source: str = VIP) -> Packet:
    return IP(bytes(ipv4(source, CLIENT, proto=132) / Raw(association(sport, PORT, DATA))))


def errors() -> Iterator[Case]:
    error = icmp_error(quoted(9000), kind=3, code=4, mtu=1400)
    known = Send(0, OUTSIDE, error, sends(INSIDE, direct(error, ONE), reason="icmp_related"))
    yield Case(
        "an ICMP error about an association follows it", given(DR), (arrives(0, sctp(INIT), DR), known)
    )
    yield Case(
        "an ICMP error about no association is the stack's",
        given(DR),
        (Send(0, OUTSIDE, error, passes("icmp_unrelated")),),
    )


def refusals() -> Iterator[Case]:
    empty = given(DR)
    (service,) = empty.configuration.services
    quiet = replace(service, destinations=tuple(replace(d, weight=0) for d in service.destinations))
    frame = sctp(INIT)
    error = sends(OUTSIDE, own_id(unreachable_port(frame)), reason="no_dest")
    yield Case(
        "an INIT that no server takes is answered with port unreachable",
        setting(quiet),
        (Send(0, OUTSIDE, frame, error),),
    )
    yield Case(
        "SCTP without a service is the stack's", setting(), (Send(0, OUTSIDE, frame, passes("no_service")),)
    )
    piece = sctp(INIT, flags="MF")
    yield Case(
        "a fragment's checksum can not follow a port",
        given(NAT),
        (Send(0, OUTSIDE, piece, drops("sctp_fragment")),),
    )
    same = setting(calls(NAT))
    yield Case(
        "where NAT keeps the port a fragment passes",
        same,
        (Send(0, OUTSIDE, piece, sends(INSIDE, translated(piece, ONE, ONE, 9000))),),
    )


REMOVED = Case(
    "an association whose server is deleted is cut off, and goes on when it is back",
    given(DR),
    (
        arrives(0, sctp(INIT), DR),
        Apply(setting(calls(DR, ()))),
        Send(0, OUTSIDE, sctp(ECHO), drops("dest_removed")),
        Apply(given(DR)),
        arrives(0, sctp(ECHO), DR),
        listed(0, State.ESTABLISHED, DR),
    ),
)

CASES = (
    *first_packets(),
    *(half_an_association(method) for method in (DR, TUN)),
    BOTH_HALVES,
    *bundles(),
    *stumps(),
    reuse(0, State.INIT, TWO),
    reuse(1, State.INIT1, ONE),
    reuse(2, State.INIT1, ONE),
    *errors(),
    *refusals(),
    REMOVED,
)
