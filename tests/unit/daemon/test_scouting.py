# SPDX-License-Identifier: Apache-2.0
"""What a scout brings back when nothing can be learnt. The scouting itself: tests/lab/daemon."""

from __future__ import annotations

import asyncio
from typing import Any

from netaddr import IPAddress

from director.daemon.scouting import Scout


class DeafKernel:
    """Answers nothing, ever."""

    async def route(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()


class Links:
    links: dict[int, Any] = {}  # noqa: RUF012 - nobody writes


def test_an_order_does_not_wait_for_a_kernel_that_does_not_answer() -> None:
    scout = Scout(DeafKernel(), Links(), None)  # type: ignore[arg-type]
    assert asyncio.run(scout.ways([IPAddress("10.0.0.1")])) == ()


def test_without_addresses_there_is_nothing_to_ask() -> None:
    scout = Scout(None, Links(), None)  # type: ignore[arg-type]
    assert asyncio.run(scout.ways(())) == ()
