# SPDX-License-Identifier: Apache-2.0
"""What is counted and what is told: counters, rates, reasons, and the state of the whole director.

Nothing here knows where the numbers come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from netaddr import EUI, IPAddress

from director.model.configuration import DatapathKind
from director.model.service import Destination, ServiceKey


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals since the start or the last zeroing; bytes are IP lengths, "in" is from the client.

    Replies of DR and TUN destinations never pass the director: their `packets_out` and `bytes_out` stay 0.
    """

    connections: int = 0
    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            self.connections + other.connections,
            self.packets_in + other.packets_in,
            self.bytes_in + other.bytes_in,
            self.packets_out + other.packets_out,
            self.bytes_out + other.bytes_out,
        )

    def __sub__(self, other: Counters) -> Counters:
        return Counters(
            self.connections - other.connections,
            self.packets_in - other.packets_in,
            self.bytes_in - other.bytes_in,
            self.packets_out - other.packets_out,
            self.bytes_out - other.bytes_out,
        )


@dataclass(frozen=True, slots=True)
class Rates:
    """The same per second, smoothed."""

    connections: float = 0.0
    packets_in: float = 0.0
    bytes_in: float = 0.0
    packets_out: float = 0.0
    bytes_out: float = 0.0


@dataclass(frozen=True, slots=True)
class DestinationStats:
    """One destination's numbers; `active` and `inactive` are its connections now, `persistent` the clients
    that persistence keeps at it.
    """

    service: ServiceKey
    destination: Destination
    counters: Counters
    rates: Rates
    active: int
    inactive: int
    persistent: int = 0


@dataclass(frozen=True, slots=True)
class ServiceStats:
    """One service's numbers, with those of its destinations in the order they were added."""

    service: ServiceKey
    counters: Counters
    rates: Rates
    destinations: tuple[DestinationStats, ...] = ()

    @property
    def active(self) -> int:
        return sum(each.active for each in self.destinations)

    @property
    def inactive(self) -> int:
        return sum(each.inactive for each in self.destinations)


@dataclass(frozen=True, slots=True)
class ServiceTotals:
    """One service's numbers without those of its destinations, whose connections are added up."""

    service: ServiceKey
    counters: Counters
    rates: Rates
    active: int
    inactive: int


class Verdict(Enum):
    """What became of a packet: left to the local stack, dropped, or sent."""

    PASS = "pass"
    DROP = "drop"
    TRANSMIT = "transmit"


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many packets ended for this reason; `sentence` explains it to the operator."""

    verdict: Verdict
    reason: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    """One interface that carries packets, and why it is carried by this data path."""

    name: str
    datapath: DatapathKind
    why: str
    mac: EUI | None = None
    mtu: int = 0


class NextHopState(Enum):
    """How far the way to a destination is known."""

    RESOLVED = "resolved"
    RESOLVING = "resolving"
    NO_ROUTE = "no route"
    LOCAL = "local"
    LOCAL_NAT = "a NAT server on this host"
    NO_LINK = "no link"


@dataclass(frozen=True, slots=True)
class NextHopStatus:
    """The way to one real server; `interface`, `via` and `mac` are None as long as they are not known."""

    destination: IPAddress
    state: NextHopState
    interface: str | None = None
    via: IPAddress | None = None
    mac: EUI | None = None


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The connection table: entries it has room for, and entries in use; so many of these are `templates`."""

    capacity: int
    used: int
    templates: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether connections and counters outlive this process: `kept` is by which pins, else `why_not`.

    They live `since`; `taken_over` from a process before this one.
    """

    since: datetime
    taken_over: bool = False
    kept: str | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class DirectorStatus:
    """The director as a whole; `uptime` is in seconds, `addresses` are the VIPs it holds now.

    `frames_lost` came faster than the workers took them: the kernel's rings were full.
    """

    version: str
    pid: int
    started: datetime
    uptime: float
    interfaces: tuple[InterfaceStatus, ...]
    workers: int
    table: TableStatus
    keeping: Keeping
    generation: int
    frames_lost: int = 0
    addresses: tuple[IPAddress, ...] = ()
