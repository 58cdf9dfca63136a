# SPDX-License-Identifier: Apache-2.0
"""What is held is told, and taken up again."""

from __future__ import annotations

from director.tables.held import HeldDestination, HeldService
from director.tables.ids import IdRegistry
from tests.unit.scene import DNS, DNS_KEY, KEY, WEB

NOBODY: frozenset[int] = frozenset()


def test_a_registry_that_is_restored_gives_out_the_ids_that_are_free() -> None:
    first, second = WEB.destinations
    registry = IdRegistry()
    registry.restore(
        (
            HeldService(
                KEY,
                3,
                WEB,
                (HeldDestination(5, first, 4, present=True), HeldDestination(2, second, 3, present=False)),
            ),
        )
    )
    assert (registry.service(KEY), registry.destination(KEY, first.address, 80)) == (3, 5)
    assert registry.destination(KEY, second.address, 80) is None
    assert registry.holder(2) == (KEY, second)
    given = registry.assign(DNS)
    assert (given.ids.service, given.ids.destinations) == (1, (1,))
    assert registry.census(NOBODY) == ()
    assert (registry.census(NOBODY), registry.holder(2)) == ((KEY,), None)
    assert registry.held(DNS_KEY) == (1, (HeldDestination(1, DNS.destinations[0], 1, present=True),))
