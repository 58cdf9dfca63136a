# SPDX-License-Identifier: Apache-2.0
"""A director's part in the synchronisation of connections: what it is told to do, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress

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
