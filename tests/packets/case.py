# SPDX-License-Identifier: Apache-2.0
"""What a packet case is made of: frames that arrive at a virtual time, and what must become of each.

Plain values only. How a host is asked stands in hosts.py, how answers are compared in compare.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.packets.network import Setting

Packet = Any  # scapy is published without types


class Verdict(Enum):
    """What becomes of a frame: left to the local stack, dropped, or answered by frames that leave."""

    PASS = "pass"
    DROP = "drop"
    TRANSMIT = "transmit"


class Segmentation(Enum):
    """What a super-frame is to be cut into; the values are virtio's."""

    NONE = 0
    TCPV4 = 1
    TCPV6 = 4
    UDP_L4 = 5


@dataclass(frozen=True, slots=True)
class Offload:
    """What a sender left undone: the L4 checksum (only the pseudo-header is in it), and the cutting.

    `checksum_start` and `checksum_offset` count from the first byte of the frame; 0: it is whole.
    """

    checksum_start: int = 0
    checksum_offset: int = 0
    segmentation: Segmentation = Segmentation.NONE
    segment_size: int = 0
    header_length: int = 0


WHOLE = Offload()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame, as a host is given it."""

    interface: int
    frame: bytes
    offload: Offload = WHOLE


@dataclass(frozen=True, slots=True)
class Departure:
    """A frame that leaves; with `free_id` its outermost IPv4 identification is the director's own choice."""

    frame: bytes
    offload: Offload = WHOLE
    free_id: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host did with a frame."""

    verdict: Verdict
    reason: str
    interface: int = 0
    frames: tuple[Departure, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """What a host must do with a frame; an empty reason means any."""

    verdicts: frozenset[Verdict]
    interface: int = 0
    frames: tuple[Departure, ...] = ()
    reason: str = ""


def passes(reason: str = "") -> Want:
    """The frame is the local stack's."""
    return Want(frozenset({Verdict.PASS}), reason=reason)


def drops(reason: str = "") -> Want:
    return Want(frozenset({Verdict.DROP}), reason=reason)


def stays(reason: str = "") -> Want:
    """The frame is not forwarded and not answered; whether the stack gets to see it is all the same."""
    return Want(frozenset({Verdict.PASS, Verdict.DROP}), reason=reason)


def sends(interface: int, *frames: Packet | Departure, reason: str = "") -> Want:
    """Exactly these frames leave on this interface, in this order."""
    leaving = tuple(f if isinstance(f, Departure) else Departure(bytes(f)) for f in frames)
    return Want(frozenset({Verdict.TRANSMIT}), interface=interface, frames=leaving, reason=reason)


def own_id(packet: Packet) -> Departure:
    """A frame whose IPv4 identification the director chooses."""
    return Departure(bytes(packet), free_id=True)


class State(Enum):
    """Connection states as `ipvsadm -Lnc` prints them."""

    NONE = "NONE"
    ESTABLISHED = "ESTABLISHED"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    FIN_WAIT = "FIN_WAIT"
    TIME_WAIT = "TIME_WAIT"
    CLOSE = "CLOSE"
    CLOSE_WAIT = "CLOSE_WAIT"
    LAST_ACK = "LAST_ACK"
    LISTEN = "LISTEN"
    SYNACK = "SYNACK"
    UDP = "UDP"
    INIT1 = "INIT1"
    INIT = "INIT"
    COOKIE_SENT = "C-SENT"
    COOKIE_REPLIED = "C-REPLIED"
    COOKIE_WAIT = "C-WAIT"
    COOKIE = "COOKIE"
    COOKIE_ECHOED = "C-ECHOED"
    SHUTDOWN_SENT = "S-SENT"
    SHUTDOWN_RECEIVED = "S-RECEIVED"
    SHUTDOWN_ACK_SENT = "S-ACK-SENT"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"
    ASSURED = "ASSURED"


@dataclass(frozen=True, slots=True)
class Entry:
    """A connection as it is listed; `expires` is in whole seconds from now, rounded to the nearest."""

    protocol: int
    client: str
    virtual: str
    destination: str
    state: State
    expires: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters of a service or a destination; bytes are IP lengths."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class DestinationCounts:
    """The counters of a destination, with the connections it holds now."""

    counts: Counts
    active: int = 0
    inactive: int = 0
    persistent: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """At `at` milliseconds a frame arrives; `want` must become of it."""

    at: int
    interface: int
    frame: Packet
    want: Want
    offload: Offload = WHOLE

    @property
    def arrival(self) -> Arrival:
        return Arrival(self.interface, bytes(self.frame), self.offload)


@dataclass(frozen=True, slots=True)
class Apply:
    """The director comes to know something else."""

    setting: Setting


@dataclass(frozen=True, slots=True)
class Listed:
    """At `at` milliseconds exactly these connections are listed."""

    at: int
    entries: frozenset[Entry]


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of one destination, and of its service, stand at these values."""

    service: str
    destination: str
    of_service: Counts
    of_destination: DestinationCounts


Step = Send | Apply | Listed | Counted


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, a setting, and what happens then."""

    name: str
    setting: Setting
    steps: tuple[Step, ...]
