# SPDX-License-Identifier: Apache-2.0
"""The guard of a few keys, loaded in a namespace, for the tests of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute

from director.commands import GuardKey, GuardSide, SetGuard
from director.datapath.attachment import FILTER_NAME, Attachments, Classifier
from director.datapath.guard import Guard
from director.model import Protocol
from tests.lab.segment import Segment

SO_ATTACH_BPF = 50
VIP, OTHER, CLIENT, SERVER, TUNNELLED = "192.0.2.1", "192.0.2.7", "203.0.113.9", "10.0.0.2", "10.0.0.3"
OURS = "10.0.0.1"
KEYS = SetGuard(
    frozenset(
        {
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(VIP), 80),
            GuardKey(GuardSide.TO, Protocol.UDP, IPAddress(VIP), 53),
            GuardKey(GuardSide.FROM, Protocol.TCP, IPAddress(SERVER), 8080),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress("2001:db8::1"), 80),
            GuardKey(GuardSide.FROM, Protocol.TCP, IPAddress("fd00::2"), 8080),
        }
    )
)


@dataclass(frozen=True)
class Guarded:
    segment: Segment
    guard: Guard
    attachments: Attachments
    kernel: AsyncIPRoute
    journal: list[frozenset[int]]


@asynccontextmanager
async def guarded(joined: Segment, wanted: SetGuard = KEYS) -> AsyncIterator[Guarded]:
    """The guard of what is wanted, loaded but not yet attached, in a loop of its own."""
    guard = Guard.load()
    journal: list[frozenset[int]] = []
    try:
        guard.set(wanted)
        guard.set_local_addresses({IPAddress(one) for one in (OURS, VIP, "fd00::1", "2001:db8::1")})
        async with AsyncIPRoute() as kernel:
            attachments = Attachments(kernel, lambda _: classifier(guard), journal.append)
            try:
                yield Guarded(joined, guard, attachments, kernel, journal)
            finally:
                await attachments.detach_all()
    finally:
        guard.close()


def classifier(guard: Guard) -> Classifier:
    return Classifier(FILTER_NAME, guard.guard_descriptor)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())
