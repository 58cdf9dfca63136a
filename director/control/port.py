# SPDX-License-Identifier: Apache-2.0
"""What the control API asks of the running director. The daemon implements it; nothing here knows how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from director.config.diff import Change
from director.model.configuration import Configuration
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import DirectorStatus, NextHopStatus, ReasonCount, ServiceStats, ServiceTotals
from director.model.service import ServiceKey
from director.model.sync import SyncDaemon, SyncStatus


class DirectorPort(Protocol):
    """A running director, as the control API sees it.

    The server lets one edit at a time read the configuration and `apply` the edited one.
    """

    async def configuration(self) -> Configuration:
        """Return the configuration that is in force."""
        ...

    async def apply(self, configuration: Configuration) -> tuple[Change, ...]:
        """Put this whole configuration in force and return what changed, or raise ConfigError."""
        ...

    async def connections(self, query: ConnectionQuery) -> ConnectionPage:
        """List the connections that the query asks for."""
        ...

    async def stats(self, service: ServiceKey) -> ServiceStats | None:
        """Return the numbers of a service, or None where it is gone."""
        ...

    async def totals(self, service: ServiceKey) -> ServiceTotals | None:
        """Return the numbers of a service as a whole, or None where it is gone."""
        ...

    async def zero(self, service: ServiceKey | None) -> None:
        """Set the counters of one service and its destinations to 0, or those of all."""
        ...

    async def reasons(self) -> tuple[ReasonCount, ...]:
        """Return every reason for which a packet can end, with its count."""
        ...

    async def status(self) -> DirectorStatus:
        """Return the state of the whole director."""
        ...

    def next_hops(self, service: ServiceKey | None) -> Iterator[NextHopStatus]:
        """Tell one by one how far the ways to a service's destinations are known, or to all."""
        ...

    async def sync(self) -> tuple[SyncStatus, ...]:
        """Return what the synchronisation daemons do, the master's first."""
        ...

    async def why_no_sync(self, daemon: SyncDaemon) -> str | None:
        """Say why this daemon could not run now; None where it could."""
        ...

    async def stop(self) -> None:
        """Begin a clean stop and return; the answer to the caller is still sent."""
        ...

    async def leave_running(self) -> str | None:
        """Begin to end and leave forwarding on for another process to take over; or say why that can't be."""
        ...
