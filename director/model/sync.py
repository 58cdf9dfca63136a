# SPDX-License-Identifier: Apache-2.0
"""A director's part in the synchronisation of connections: what it is told to do, what became of it, and the
connections themselves as they go between the table and the messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import EUI, IPAddress

from director.model.service import ForwardingMethod

GROUP = IPAddress("224.0.0.81")
PORT = 8848
ETHERNET_MTU = 1500
UDP_OVERHEAD = {4: 28, 6: 48}


class SyncRole(Enum):
    """A master tells of its connections, a backup enters what it is told. A director can be both."""

    MASTER = "master"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """One role, as ipvsadm's --start-daemon knows it.

    A backup heeds masters of its `syncid`, with 0 all. `maxlen` is the most bytes of a datagram without its
    IP and UDP headers, 0 what Ethernet takes.
    """

    role: SyncRole
    interface: str
    syncid: int = 0
    maxlen: int = 0
    group: IPAddress = GROUP
    port: int = PORT
    ttl: int = 1

    @property
    def longest(self) -> int:
        """Return how long a datagram of this daemon may be."""
        return self.maxlen or ETHERNET_MTU - UDP_OVERHEAD[self.group.version]


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """What a daemon did since it began.

    Of a backup: `dropped` datagrams were of no use, of another syncid or faulty, and `unknown` entries had no
    destination here. Of a master: `dropped` datagrams were not sent.
    """

    datagrams: int = 0
    entries: int = 0
    dropped: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """A daemon that was asked for: `why_not` says why it does not run now, else it is empty.

    `waiting` entries are held back by a backup until their destination is configured.
    """

    daemon: SyncDaemon
    counts: SyncCounts = SyncCounts()
    waiting: int = 0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class SyncedFlow:
    """A connection of the table: addresses in network order, the destination by its stable id.

    `state` is the table's number. `expires_in` is in milliseconds; where it is entered, 0 means what its
    state has. `method` is how it is forwarded here. A persistence `template` has 1 for a state when it is
    assured, else 0; its time is the whole that a new connection gives it, and its method its server's.
    """

    protocol: int
    caddr: bytes
    cport: int
    vaddr: bytes
    vport: int
    destination: int
    state: int
    expires_in: int
    packets: int
    method: ForwardingMethod | None = None
    template: bool = False


@dataclass(frozen=True, slots=True)
class SyncRule:
    """When a connection is told of, under the kernel's names; times in milliseconds, `timeouts` by state."""

    threshold: int
    period: int
    refresh: int
    retries: int
    timeouts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Behind which interface a client is, and the MAC that packets to it carry."""

    interface: int
    mac: EUI
