# SPDX-License-Identifier: Apache-2.0
"""Connections as an operator lists them: one entry, the question asked, and the page that answers it.

Nothing here knows how the connection table is laid out; the data path turns its entries into these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress, IPNetwork

from director.model.service import ForwardingMethod, Protocol, ServiceKey, endpoint

DEFAULT_LIMIT = 1000


class ConnectionState(Enum):
    """Where a connection stands, under kernel IPVS's names and in its order."""

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
class Endpoint:
    """An address and a port. In a question port 0 stands for every port."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class ConnectionEntry:
    """One live connection: the client, the virtual address it came to, and the destination that has it.

    `expires_in` is in seconds; `packets` counts the client's packets. A `template` is no connection: by it
    a client (port 0, and no more of its address than the service's mask leaves) keeps its destination. Its
    state is NONE, or ASSURED once a connection was established; of a firewall mark's, `virtual` is the mark,
    written as an address, and it has no protocol.
    """

    protocol: Protocol | None
    client: Endpoint
    virtual: Endpoint
    destination: Endpoint
    method: ForwardingMethod
    state: ConnectionState
    expires_in: float
    packets: int
    template: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionQuery:
    """Which connections to list: those that pass every filter that is not None, and `templates` too if asked.

    `limit` 0 only counts. `cursor` 0 starts at the beginning; a page's `next_cursor` goes on after it.
    """

    service: ServiceKey | None = None
    destination: Endpoint | None = None
    client: IPNetwork | None = None
    state: ConnectionState | None = None
    limit: int = DEFAULT_LIMIT
    cursor: int = 0
    templates: bool = False

    def matches(self, entry: ConnectionEntry) -> bool:
        """Tell whether the entry passes every filter."""
        return (
            (self.templates or not entry.template)
            and (self.service is None or self.service == _key(entry))
            and (self.destination is None or _covers(self.destination, entry.destination))
            and (self.client is None or entry.client.address in self.client)
            and (self.state is None or self.state is entry.state)
        )


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some of the matching entries; `total` counts all that match, `next_cursor` is None on the last page."""

    entries: tuple[ConnectionEntry, ...]
    total: int
    next_cursor: int | None = None


def _key(entry: ConnectionEntry) -> ServiceKey | None:
    if entry.protocol is None:
        return None
    return ServiceKey(entry.protocol, entry.virtual.address, entry.virtual.port)


def _covers(wanted: Endpoint, found: Endpoint) -> bool:
    return wanted.address == found.address and wanted.port in (0, found.port)
