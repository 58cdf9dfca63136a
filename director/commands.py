# SPDX-License-Identifier: Apache-2.0
"""Orders that the engine gives. The daemon turns each into one call of a shell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress, IPNetwork

from director.model import Protocol, ServiceKey


@dataclass(frozen=True, slots=True)
class SwapTables:
    """Publish this table image. After it, apply `wrr_changes` to the live cursors, in order.

    Each change is (service id, `wrr_gcd`, `wrr_max`) and stands for one `dest_changed` step of the kernel's
    wrr; with (1, 0), an empty list, it puts the cursor of any service at the beginning.
    """

    image: bytes
    generation: int
    wrr_changes: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ResetIds:
    """These ids are given out anew: clear what was known of them, before anybody learns whose they are."""

    services: tuple[int, ...]
    destinations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndConnections:
    """End all connections to these destination ids, and the templates that lead to them."""

    destinations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Remember:
    """What is held for these services changed, or a timeout or tunable: write it down before the swap."""

    services: tuple[ServiceKey, ...]


class GuardSide(Enum):
    """Which end of a packet a guard key is about: its destination (a service) or its source (a NAT server's
    reply).
    """

    TO = "to"
    FROM = "from"


@dataclass(frozen=True, slots=True)
class GuardKey:
    """Packets that are the director's and not the local stack's. Port 0: those of every port.

    `data`: a service of FTP's, which has the ports of data connections as well.
    """

    side: GuardSide
    protocol: Protocol
    address: IPAddress
    port: int
    data: bool = False


@dataclass(frozen=True, slots=True)
class GuardRule:
    """Packets to these addresses and ports have a firewall mark; `served`: one that a service stands for.

    `protocol` None: any that is balanced.
    """

    network: IPNetwork
    protocol: Protocol | None
    first_port: int
    last_port: int
    served: bool


@dataclass(frozen=True, slots=True)
class SetGuard:
    """These are all the packets that belong to the director: by a key, or by a list of rules.

    In a list the first rule that fits decides. There are two lists while one replaces the other, and a packet
    by either is the director's: what is new is added before the swap, what is old removed after.
    """

    keys: frozenset[GuardKey]
    rules: tuple[tuple[GuardRule, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SetAddresses:
    """These are all the VIPs that the director holds while it runs."""

    addresses: frozenset[IPAddress]


@dataclass(frozen=True, slots=True)
class ResolveRoute:
    """Ask the kernel how it would send to this address; answer with `RouteResolved`."""

    destination: IPAddress


@dataclass(frozen=True, slots=True)
class SolicitNeighbour:
    """Have the kernel find out (or confirm) this neighbour's MAC."""

    interface: int
    address: IPAddress


class Level(Enum):
    """How loud a log line is."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Log:
    """Say this to the operator."""

    level: Level
    event: str
    fields: tuple[tuple[str, str], ...] = ()


Command = (
    SwapTables
    | ResetIds
    | EndConnections
    | Remember
    | SetGuard
    | SetAddresses
    | ResolveRoute
    | SolicitNeighbour
    | Log
)
