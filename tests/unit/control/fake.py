# SPDX-License-Identifier: Apache-2.0
"""A director that exists in memory only and records what it was asked: the fake at the control API's seam."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from netaddr import EUI, IPAddress

from director.config.diff import Change, diff
from director.model.configuration import Configuration, DatapathKind
from director.model.connection import (
    ConnectionEntry,
    ConnectionPage,
    ConnectionQuery,
    ConnectionState,
    Endpoint,
)
from director.model.counters import (
    Counters,
    DestinationStats,
    DirectorStatus,
    InterfaceStatus,
    Keeping,
    NextHopState,
    NextHopStatus,
    Rates,
    ReasonCount,
    ServiceStats,
    ServiceTotals,
    TableStatus,
    Verdict,
)
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)
from director.model.sync import SyncCounts, SyncDaemon, SyncStatus

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
DNS = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
FIRST = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR, 1)
SECOND = Destination(IPAddress("10.0.0.3"), 8080, ForwardingMethod.NAT, 3)
CONFIGURATION = Configuration(
    (
        VirtualService(WEB, Scheduler.WLC, frozenset(), (FIRST, SECOND)),
        VirtualService(DNS, Scheduler.SH, frozenset({SchedulerFlag.SH_PORT}), ()),
    )
)
ENTRIES = tuple(
    ConnectionEntry(
        Protocol.TCP,
        Endpoint(IPAddress(f"198.51.100.{number}"), 40000 + number),
        Endpoint(WEB.address, WEB.port),
        Endpoint(FIRST.address, FIRST.port),
        ForwardingMethod.DR,
        ConnectionState.ESTABLISHED if number % 2 else ConnectionState.FIN_WAIT,
        900.5 - number,
        number,
    )
    for number in range(1, 6)
)
COUNTERS = Counters(5, 50, 5000, 10, 1000)
RATES = Rates(0.5, 5.0, 500.0, 1.0, 100.0)
STATS = (
    ServiceStats(WEB, COUNTERS, RATES, (DestinationStats(WEB, FIRST, COUNTERS, RATES, 3, 2, 4),)),
    ServiceStats(DNS, Counters(), Rates()),
)
REASONS = (
    ReasonCount(Verdict.TRANSMIT, "forwarded", "sent to a real server", 50),
    ReasonCount(Verdict.DROP, "no-destination", "no real server was left", 2),
)
STATUS = DirectorStatus(
    version="0.1.0",
    pid=4711,
    started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    uptime=12.5,
    interfaces=(
        InterfaceStatus(
            "eth0", DatapathKind.PACKET, "the only one asked for", EUI("02-00-00-00-00-01"), 1500
        ),
    ),
    workers=1,
    table=TableStatus(1_000_000, 7, 2),
    keeping=Keeping(datetime(2026, 1, 1, 2, 3, 4, tzinfo=UTC), taken_over=True, kept="director-1f-2e"),
    generation=7,
    frames_lost=3,
    addresses=(IPAddress("192.0.2.1"),),
)

NEXT_HOPS = (
    NextHopStatus(IPAddress("10.0.0.2"), NextHopState.RESOLVED, "eth0", None, EUI("02-00-00-00-00-02")),
    NextHopStatus(IPAddress("10.0.0.3"), NextHopState.NO_ROUTE),
)


@dataclass
class FakeDirector:
    """Keeps a configuration and a list of entries, and every order it was given."""

    current: Configuration = CONFIGURATION
    state: DirectorStatus = STATUS
    applied: list[Configuration] = field(default_factory=list)
    queries: list[ConnectionQuery] = field(default_factory=list)
    zeroed: list[ServiceKey | None] = field(default_factory=list)
    stops: int = 0
    leaves: int = 0
    why_not_left: str | None = None
    failing: OSError | None = None
    why_not_synced: str | None = None

    async def configuration(self) -> Configuration:
        found = self.current
        await asyncio.sleep(0)  # let others run, as a real director may
        return found

    async def apply(self, configuration: Configuration) -> tuple[Change, ...]:
        if self.failing is not None:
            raise self.failing
        changes = diff(self.current, configuration)
        self.current = configuration
        self.applied.append(configuration)
        return changes

    async def connections(self, query: ConnectionQuery) -> ConnectionPage:
        self.queries.append(query)
        found = [entry for entry in ENTRIES if query.matches(entry)]
        page = found[query.cursor : query.cursor + query.limit]
        end = query.cursor + len(page)
        return ConnectionPage(tuple(page), len(found), end if page and end < len(found) else None)

    async def stats(self, service: ServiceKey) -> ServiceStats | None:
        return next((one for one in STATS if one.service == service), None)

    async def totals(self, service: ServiceKey) -> ServiceTotals | None:
        found = await self.stats(service)
        if found is None:
            return None
        return ServiceTotals(service, found.counters, found.rates, found.active, found.inactive)

    async def zero(self, service: ServiceKey | None) -> None:
        self.zeroed.append(service)

    async def reasons(self) -> tuple[ReasonCount, ...]:
        return REASONS

    async def status(self) -> DirectorStatus:
        return self.state

    def next_hops(self, service: ServiceKey | None) -> Iterator[NextHopStatus]:
        return iter(NEXT_HOPS if service is None else NEXT_HOPS[:1])

    async def sync(self) -> tuple[SyncStatus, ...]:
        return tuple(SyncStatus(daemon, SyncCounts(3, 40, 1, 2), 4) for daemon in self.current.sync)

    async def why_no_sync(self, daemon: SyncDaemon) -> str | None:
        return self.why_not_synced

    async def stop(self) -> None:
        self.stops += 1

    async def leave_running(self) -> str | None:
        if self.why_not_left is None:
            self.leaves += 1
        return self.why_not_left
