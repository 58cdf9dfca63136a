# SPDX-License-Identifier: Apache-2.0
"""Entries whose destination is not configured yet: kept until it is, or until the connection is over.

A backup is often told of connections before it is told of servers. There is room for so many, and the oldest
make place. Knows no clock: the time is an argument, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from director.sync.message import Entry

ROOM = 65536
LONGEST = 180.0
"""Seconds that an entry waits which does not say how long its connection lives, as in the kernel."""

Key = tuple[int, bytes, int, bytes, int]


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    until: float


class WaitingRoom:
    """The entries that wait, by connection."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._waiting: dict[Key, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, entry: Entry, now: float) -> None:
        """Keep the last that was told of a connection."""
        key = _key(entry)
        self._waiting.pop(key, None)
        if len(self._waiting) >= self._room:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[key] = _Waiting(entry, now + (entry.timeout or LONGEST))

    def forget(self, entry: Entry) -> None:
        """Something newer is known of this connection."""
        if self._waiting:
            self._waiting.pop(_key(entry), None)

    def take(self, now: float) -> tuple[Entry, ...]:
        """Empty the room; return the entries of connections that live still, with the time that they have."""
        waiting, self._waiting = self._waiting, {}
        return tuple(
            replace(one.entry, timeout=max(1, round(one.until - now)))
            for one in waiting.values()
            if one.until > now
        )


def _key(entry: Entry) -> Key:
    return entry.protocol, entry.caddr, entry.cport, entry.vaddr, entry.vport
