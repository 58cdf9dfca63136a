# SPDX-License-Identifier: Apache-2.0
"""A control server that really listens, in a thread of its own, with a director in memory behind it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from director.control.server import ControlServer
from tests.unit.control.fake import FakeDirector

SECONDS = 30.0


@dataclass
class StoppableDirector(FakeDirector):
    """A director in memory that goes away when it is told to stop."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    left_note: Path | None = None

    async def stop(self) -> None:
        await super().stop()
        self.stopping.set()

    async def leave_running(self) -> str | None:
        refusal = await super().leave_running()
        if refusal is None:
            assert self.left_note is not None
            self.left_note.write_text('{"left": true}')
            self.stopping.set()
        return refusal


@contextlib.contextmanager
def serving(director: StoppableDirector, path: Path) -> Iterator[None]:
    """Serve a director on this socket, until the block or the director ends."""
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        server = ControlServer(director, path)
        await server.start()
        ready.set()
        await director.stopping.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(SECONDS), "the control server did not start"
        yield
    finally:
        loop.call_soon_threadsafe(director.stopping.set)
        thread.join(SECONDS)
        assert not thread.is_alive(), "the control server did not stop"
        loop.close()
