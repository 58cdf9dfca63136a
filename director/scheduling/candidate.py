# SPDX-License-Identifier: Apache-2.0
"""What a scheduler sees: the destinations of one service in list order, and the flow that wants one.

The list order is kernel IPVS's: the reverse of the order in which the destinations were added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from netaddr import IPAddress

NOWHERE = IPAddress(0, 4)


class Load(Enum):
    """Whether a destination has reached its connection limit."""

    ACCEPTING = "accepting"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A destination as the schedulers weigh it.

    `last_weight` is the last one above 0 (0 if it was added with 0). Only mh asks for it, and for the address
    and port.
    """

    id: int
    weight: int
    active: int = 0
    inactive: int = 0
    load: Load = Load.ACCEPTING
    address: IPAddress = NOWHERE
    port: int = 0
    last_weight: int = 0

    @property
    def eligible(self) -> bool:
        return self.weight > 0 and self.load is Load.ACCEPTING


@dataclass(frozen=True, slots=True)
class Flow:
    """A new connection: the client's end of it, the address that the client asked for, and when (ms)."""

    address: IPAddress
    port: int
    asked: IPAddress = NOWHERE
    now: int = 0


class Chooser(Protocol):
    """A scheduler's live part. It may keep a position between two choices."""

    def choose(self, candidates: Sequence[Candidate], flow: Flow) -> int | None:
        """Return the index of the candidate for a new connection, or None if none will do."""
        ...
