# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of a data path, whichever it is; the seam at which a test may put one that records."""

from __future__ import annotations

from typing import Protocol

from director.daemon.interfaces import Carrier
from director.daemon.numbers import Readings
from director.daemon.orders import Tables
from director.datapath.attachment import Classifier
from director.datapath.pinned import Pinned
from director.datapath.programs import TableSizes
from director.datapath.synchronising import SyncTable
from director.defence import Defence
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import ReasonCount, TableStatus


class Datapath(Carrier, Tables, Readings, Protocol):
    """A data path as a whole."""

    def start(self) -> None:
        """Begin to forward."""
        ...

    def stop(self) -> None:
        """End, and give everything back; interfaces that are left are let go."""
        ...

    def leave(self) -> None:
        """End, and let what stands in the kernel go on by itself."""
        ...

    @property
    def pinned(self) -> Pinned | None:
        """Where its tables are kept for another process; None where they can not be."""
        ...

    @property
    def sizes(self) -> TableSizes:
        """What was fixed when its tables were made."""
        ...

    def classifier(self, index: int) -> Classifier | None:
        """Return what must stand on this interface in the guard's place; it may change with each image."""
        ...

    def census(self) -> frozenset[int]:
        """Return the destination ids that live entries refer to."""
        ...

    def defend(self, defence: Defence) -> int:
        """Carry out what is decided each second; return how many connections ended for it."""
        ...

    def connections(self, query: ConnectionQuery) -> ConnectionPage: ...

    def synchronising(self) -> SyncTable:
        """Return the connection table as other directors are told of it and tell of it."""
        ...

    def reasons(self) -> tuple[ReasonCount, ...]: ...

    def table(self) -> TableStatus:
        """Return the table's room and what of it is used; walks the whole table."""
        ...

    def ring_drops(self) -> int:
        """Return how many frames were lost because a ring was full."""
        ...
