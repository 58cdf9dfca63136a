# SPDX-License-Identifier: Apache-2.0
"""Keep what another process needs to go on with the tables: whose the ids in them are, as it changes.

The tables themselves are pinned by the data path. A record that does not tell the last change is worse than
none, for it would tell of ids that are somebody else's by now: then there is none, the status says why, and
with the next change it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from director.commands import Remember
from director.daemon.errors import DaemonError
from director.daemon.record import Header, Record, Recorded, record_path, remove_record
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
        self._stands = False
        """There is a record, and what it tells is true."""
        self._grows = False
        """It is our own, so that it can be added to."""
        self._since = datetime.now(UTC)
        self._why_not = "the data path `packet` ends with its process"

    def begin(self, control_socket: Path, pinned: Pinned, sizes: TableSizes, found: Recorded | None) -> None:
        """Begin the record of these tables, with what was `found` of them if they were taken over."""
        self._pinned = pinned
        if found is not None:
            self._since = found.header.since
        if pinned.why_not is not None:
            remove_record(record_path(control_socket))
            self._lose(pinned.why_not)
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
        self._begin(self._record, found)

    def _begin(self, record: Record, found: Recorded | None) -> None:
        try:
            record.write(found.configuration if found else Configuration(), found.services if found else ())
        except DaemonError as error:
            if found is None:  # what may be there tells of other tables
                record.remove()
                self._lose(_not_recorded(error))
                return
            log.warning(
                "the record is not written anew",
                why=str(error),
                then="the one before stands until something changes",
            )
            self._stands = True
            return
        self._stands = self._grows = True

    @property
    def keeps(self) -> bool:
        """Say whether another process could go on from here."""
        return self._stands

    @property
    def why_not(self) -> str:
        return self._why_not

    async def remember(self, order: Remember) -> None:
        record, holding = self._record, self._holding
        if record is None:
            return
        try:
            if self._grows:
                record.add(holding.configuration, map(holding.held, order.services))
            else:
                record.write(holding.configuration, holding.held_services())
        except DaemonError as error:
            record.remove()
            self._lose(_not_recorded(error))
            return
        if not self._stands:
            log.info("connections will outlive this process again")
        self._stands = self._grows = True
        if record.is_long:
            with suppress(DaemonError):  # it tells all as it is, only at length
                record.write(holding.configuration, holding.held_services())

    def end(self) -> None:
        """Remove the record: nothing is left that it tells of."""
        if self._record is not None:
            self._record.remove()

    def status(self) -> Keeping:
        if self._pinned is None or not self._stands:
            return Keeping(self._since, self.has_taken_over, None, self._why_not)
        return Keeping(self._since, self.has_taken_over, self._pinned.where)

    @property
    def has_taken_over(self) -> bool:
        """Say whether the tables are those of a process before."""
        return self._pinned is not None and self._pinned.taken_over

    def _lose(self, why: str) -> None:
        self._stands = self._grows = False
        if why != self._why_not:
            log.warning("connections will not outlive this process", why=why)
        self._why_not = why


def _not_recorded(error: DaemonError) -> str:
    return f"whose the ids in them are is not recorded: {error}"
