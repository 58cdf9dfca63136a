# SPDX-License-Identifier: Apache-2.0
"""What the engine gathers in one turn, before it becomes commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netaddr import IPAddress

from director.commands import Level, Log, ResolveRoute, SolicitNeighbour
from director.config.diff import Change, ServicesReordered, SettingChanged
from director.model import ServiceKey
from director.model.counters import NextHopState, NextHopStatus

MAX_LOGS = 200
"""One event can change the ways of many destinations; the log says how many lines it leaves out."""


@dataclass(slots=True)
class Turn:
    """What one call of the engine gathers before it becomes commands."""

    logs: list[Log] = field(default_factory=list)
    unlogged: int = 0
    questions: dict[ResolveRoute | SolicitNeighbour, None] = field(default_factory=dict)
    wrr_changes: list[tuple[int, int, int]] = field(default_factory=list)
    reset_services: dict[int, None] = field(default_factory=dict)
    reset_destinations: dict[int, None] = field(default_factory=dict)
    ended_destinations: tuple[int, ...] = ()
    changed_services: dict[ServiceKey, None] = field(default_factory=dict)
    options_changed: bool = False
    image_is_stale: bool = False

    def take(self, changes: Iterable[Change]) -> None:
        """Log changes of the configuration; the image is stale if one of them shows there."""
        for change in changes:
            waits = isinstance(change, SettingChanged) and change.needs_restart
            self.log(Level.WARNING if waits else Level.INFO, "configuration changed", ("change", change))
            self.image_is_stale |= not waits and not isinstance(change, ServicesReordered)

    def log_way(self, address: IPAddress, way: NextHopStatus, why: str | None) -> None:
        """Log how a destination is reached now; `why`: what is missing on the way."""
        untold = way.state.value if way.state is NextHopState.LOCAL_NAT else None
        if why is not None or untold is not None:
            self.log(
                Level.WARNING,
                "destination unreachable",
                ("destination", address),
                ("why", why or untold),
            )
        elif way.state is NextHopState.LOCAL:
            self.log(Level.INFO, "destination reachable", ("destination", address), ("way", "local"))
        else:
            fields = (("interface", way.interface), ("via", way.via), ("mac", way.mac))
            self.log(Level.INFO, "destination reachable", ("destination", address), *fields)

    def shown_logs(self) -> Iterator[Log]:
        yield from self.logs
        if self.unlogged:
            yield Log(Level.INFO, "more of this", (("lines", str(self.unlogged)),))

    def log(self, level: Level, event: str, *fields: tuple[str, object]) -> None:
        """Take a line of the log; one that will not be shown is only counted."""
        if len(self.logs) < MAX_LOGS:
            self.logs.append(Log(level, event, tuple((name, str(value)) for name, value in fields)))
        else:
            self.unlogged += 1

    def ask(self, question: ResolveRoute | SolicitNeighbour) -> None:
        self.questions[question] = None
