# SPDX-License-Identifier: Apache-2.0
"""Every sequence of segments or chunks up to a length: each a flow of its own, of which only the end counts.

Thousands of flows go through one setting, a client port each. What is held of a flow is how many frames came
out at either end, and what is listed of it at last. So a recording has two characters a flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from director.model import ForwardingMethod, Tunables
from tests.interop.exchange import Inject
from tests.interop.exchanges import sctp
from tests.interop.exchanges.clients import answer, segment
from tests.interop.families import V4, service, setting, to
from tests.packets.checksum import adjusted, put
from tests.packets.network import INSIDE, OUTSIDE, Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
FIRST_PORT = 2000
SOURCE_PORT, TCP_CHECKSUM = 34, 50  # in a frame whose IP header has no options
AT_ONCE = 60  # flows, before what is listed is looked at
TIMEOUTS = (1, 2, 3, 4, 10, 30, 60, 61, 100, 120, 300, 900)  # seconds
FLAGS = ("S", "SA", "A", "F", "FA", "R", "")
CHUNKS = (
    "DATA",
    "INIT",
    "INIT_ACK",
    "COOKIE_ECHO",
    "COOKIE_ACK",
    "SHUTDOWN",
    "SHUTDOWN_ACK",
    "SHUTDOWN_COMPLETE",
    "ERROR",
    "ABORT",
    "SACK",
)
Move = tuple[str, str]  # "c" from the client or "s" from the server, and what
Made = Callable[[Move, int], Inject]  # the frame of a move, with this client port


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a flow: frames that left inside and outside, its state and timeout; "" is no entry."""

    inside: int
    outside: int
    state: str = ""
    seconds: int = 0

    def __str__(self) -> str:
        return f"{self.inside} {self.outside} {self.state} {self.seconds}"


@dataclass(frozen=True, slots=True)
class Sequences:
    """All sequences that begin with one of `first` and go on with up to `length` - 1 of `moves`."""

    name: str
    setting: Setting
    first: tuple[Move, ...]
    moves: tuple[Move, ...]
    length: int
    made: Made

    def flows(self) -> Iterator[tuple[Move, ...]]:
        for more in range(self.length):
            yield from product(self.first, *(self.moves,) * more)

    def batches(self) -> Iterator[tuple[tuple[Inject, ...], ...]]:
        """Return the frames, flow by flow, as many flows at once as one look takes."""
        flows = tuple(self.flows())
        for start in range(0, len(flows), AT_ONCE):
            numbered = enumerate(flows[start : start + AT_ONCE], start=FIRST_PORT + start)
            yield tuple(tuple(self.made(move, port) for move in flow) for port, flow in numbered)


def of_tcp(move: Move, port: int) -> Inject:
    plain = _segment(move)
    at = SOURCE_PORT if plain.interface == OUTSIDE else SOURCE_PORT + 2
    old, new = plain.frame[at : at + 2], port.to_bytes(2, "big")
    checksum = adjusted(int.from_bytes(plain.frame[TCP_CHECKSUM : TCP_CHECKSUM + 2], "big"), old, new)
    frame = put(plain.frame[:at] + new + plain.frame[at + 2 :], TCP_CHECKSUM, checksum)
    return Inject(plain.interface, frame)


@cache
def _segment(move: Move) -> Inject:
    side, bits = move
    return segment(bits) if side == "c" else answer(bits)


@cache
def of_sctp(move: Move, port: int) -> Inject:
    side, kind = move
    if side == "c":
        return Inject(OUTSIDE, bytes(sctp.request(V4, kind, port=port)))
    return Inject(INSIDE, bytes(sctp.response(V4, kind, port=port)))


def _web(method: ForwardingMethod, **tunables: int) -> Setting:
    return setting(service(*to(method, V4.one)), tunables=Tunables(**tunables))


def _from(side: str, what: tuple[str, ...]) -> tuple[Move, ...]:
    return tuple((side, each) for each in what)


def _tcp(
    name: str, method: ForwardingMethod, length: int, first: tuple[str, ...] = ("S",), **tunables: int
) -> Sequences:
    moves = _from("c", FLAGS) + (_from("s", FLAGS) if method is NAT else ())
    return Sequences(name, _web(method, **tunables), _from("c", first), moves, length, of_tcp)


def _sctp(
    name: str, method: ForwardingMethod, length: int, first: tuple[str, ...] = ("INIT",), **tunables: int
) -> Sequences:
    moves = _from("c", CHUNKS) + (_from("s", CHUNKS) if method is NAT else ())
    given = sctp.given(method, tunables=Tunables(**tunables))
    return Sequences(name, given, _from("c", first), moves, length, of_sctp)


ALL = (
    _tcp("TCP by dr", DR, 4),
    _tcp("TCP by tun", TUN, 4),
    _tcp("TCP by nat", NAT, 4),
    _tcp("TCP by dr, conn_reuse_mode 0", DR, 4, conn_reuse_mode=0),
    _tcp("TCP by nat, conn_reuse_mode 0", NAT, 3, conn_reuse_mode=0),
    _tcp("TCP by dr, sloppy_tcp", DR, 4, FLAGS, sloppy_tcp=1),
    _tcp("TCP by nat, sloppy_tcp", NAT, 3, ("A", "F", "FA", "SA"), sloppy_tcp=1),
    _tcp("TCP by dr, secure_tcp", DR, 4, secure_tcp=3),
    _tcp("TCP by nat, secure_tcp", NAT, 4, secure_tcp=3),
    _sctp("SCTP by dr", DR, 3),
    _sctp("SCTP by tun", TUN, 3),
    _sctp("SCTP by nat", NAT, 3),
    _sctp("SCTP by dr, sloppy_sctp", DR, 3, CHUNKS, sloppy_sctp=1),
)
PENDING: tuple[str, ...] = ()  # what the data path can not do yet; what it can has to be taken out


def timeout_of(protocol: str, seconds_left: int) -> int:
    """Return what a kernel's listing, which rounds down, was set to a moment ago; SCTP knows no 60."""
    known = (each for each in TIMEOUTS if each > seconds_left and (protocol, each) != ("SCTP", 60))
    return next(known, seconds_left + 1)
