# SPDX-License-Identifier: Apache-2.0
"""A watcher at work in a namespace, for the tests of this room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute

from director.events import Event, RoutesChanged
from director.host.watcher import Watcher
from director.model import Link
from tests.lab.segment import Segment

OURS, THEIRS = IPAddress("10.0.0.1"), IPAddress("10.0.0.2")
VIP, FAR_VIP = IPAddress("10.0.0.100"), IPAddress("192.0.2.1")
ETH_P_ARP = 0x0806


@dataclass
class Watched:
    """A watcher at work, what it emitted, and a socket for changing things behind its back."""

    segment: Segment
    kernel: AsyncIPRoute
    events: list[Event] = field(default_factory=list)
    local: list[frozenset[IPAddress]] = field(default_factory=list)
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.events.append, self.local.append)

    @property
    def eth0(self) -> Link:
        return self.watcher.links[self.segment.inside]

    async def until(self, true: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + 5
        while not true():
            assert time.monotonic() < end, f"{what or 'it'} did not come to pass; events: {self.events}"
            await asyncio.sleep(0.01)

    async def sees(self, event: Event) -> None:
        await self.until(lambda: event in self.events, f"{event}")


@asynccontextmanager
async def watched(joined: Segment) -> AsyncIterator[Watched]:
    async with AsyncIPRoute() as kernel:
        made = Watched(joined, kernel)
        await made.watcher.start()
        try:
            await made.until(lambda: made.eth0.up and RoutesChanged() in made.events)
            made.events.clear()
            yield made
        finally:
            await made.watcher.stop()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())
