# SPDX-License-Identifier: Apache-2.0
"""Keep what another process needs to go on with the tables: whose the ids in them are, as it changes.

The tables themselves are pinned by the data path. A record that can not be written is worse than none, for
it would tell of ids that are somebody else's by now: then there is none, and the status says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from director.commands import Remember
from director.daemon.record import Header, Record, Recorded, record_path
from director.datapath.pinned import Pinned, layouts
from director.datapath.programs import TableSizes
from director.model import Configuration, ServiceKey
from director.model.counters import Keeping
from director.tables.held import HeldService

log = structlog.get_logger()


class Holding(Protocol):
    """Who knows what has to be remembered."""

    @property
    def configuration(self) -> Configuration: ...

    def held(self, key: ServiceKey) -> HeldService: ...

    def held_services(self) -> Iterable[HeldService]: ...


class Keeper:
    """Who writes the record of what is held."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._record: Record | None = None
        self._pinned: Pinned | None = None
        self._since = datetime.now(UTC)
        self._why_not = "the data path `packet` ends with its process"

    def begin(self, control_socket: Path, pinned: Pinned, sizes: TableSizes, found: Recorded | None) -> None:
        """Begin the record of these tables, with what was `found` of them if they were taken over."""
        self._pinned = pinned
        if found is not None:
            self._since = found.header.since
        if pinned.why_not is not None:
            record_path(control_socket).unlink(missing_ok=True)
            self._give_up(pinned.why_not)
            return
        layout = layouts()
        header = Header(
            instance=pinned.instance,
            memory=layout.memory,
            reasons=layout.reasons,
            sets=sizes.sets,
            seed=sizes.seed,
            cpus=sizes.cpus,
            since=self._since,
        )
        self._record = Record(record_path(control_socket), header)
        known = found or Recorded(header, ())
        self._try(lambda record: record.write(known.configuration, known.services))

    @property
    def keeps(self) -> bool:
        """Say whether another process could go on from here."""
        return self._record is not None

    @property
    def why_not(self) -> str:
        return self._why_not

    async def remember(self, order: Remember) -> None:
        holding = self._holding
        self._try(lambda record: record.add(holding.configuration, map(holding.held, order.services)))
        if self._record is not None and self._record.is_long:
            self._try(lambda record: record.write(holding.configuration, holding.held_services()))

    def end(self) -> None:
        """Remove the record: nothing is left that it tells of."""
        if self._record is not None:
            self._record.remove()

    def status(self) -> Keeping:
        if self._pinned is None or self._record is None:
            return Keeping(self._since, self.has_taken_over, None, self._why_not)
        return Keeping(self._since, self.has_taken_over, self._pinned.where)

    @property
    def has_taken_over(self) -> bool:
        """Say whether the tables are those of a process before."""
        return self._pinned is not None and self._pinned.taken_over

    def _try(self, act: Callable[[Record], None]) -> None:
        if self._record is None:
            return
        try:
            act(self._record)
        except OSError as error:
            self._record.remove()
            self._give_up(f"the record of their ids can not be written: {error}")

    def _give_up(self, why: str) -> None:
        self._record, self._why_not = None, why
        log.warning("connections will not outlive this process", why=why)
