# SPDX-License-Identifier: Apache-2.0
"""The filter comes and goes amid those of others."""

from __future__ import annotations

import pytest
from pyroute2 import AsyncIPRoute

from director.datapath.attachment import (
    ALL_PROTOCOLS,
    FILTER_NAME,
    INGRESS,
    Attachments,
    has_clsact,
    ingress_filters,
    remove_filters,
)
from director.datapath.errors import DatapathError
from tests.lab.datapath.guarded import classifier, guarded, run
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]


def test_a_clean_end_takes_the_filter_and_our_clsact_away(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.attachments.attach(joined.inside)
            names = [one.name for one in await ingress_filters(made.kernel, joined.inside) if one.handle]
            assert names == [FILTER_NAME]
            await made.attachments.detach(joined.inside)
            assert not await has_clsact(made.kernel, joined.inside)
            assert made.journal == [frozenset({joined.inside}), frozenset()]

    run(scenario)


async def add_foreign_filter(kernel: AsyncIPRoute, joined: Segment, descriptor: int, preference: int) -> None:
    await kernel.tc(
        "add-filter", "bpf", joined.inside, 1, fd=descriptor, name="theirs", parent=INGRESS,
        classid=1, direct_action=True, prio=preference, protocol=ALL_PROTOCOLS,
    )  # fmt: skip


def test_filters_and_clsact_of_others_stay(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.kernel.tc("add", "clsact", joined.inside)
            await add_foreign_filter(made.kernel, joined, made.guard.guard_descriptor, preference=1)
            before = await ingress_filters(made.kernel, joined.inside)
            await made.attachments.attach(joined.inside)
            during = await ingress_filters(made.kernel, joined.inside)
            await made.attachments.detach(joined.inside)
            assert [one.name for one in during if one.handle] == ["theirs", FILTER_NAME]
            assert await ingress_filters(made.kernel, joined.inside) == before
            assert made.journal == []

    run(scenario)


def test_our_clsact_stays_when_somebody_else_came_to_use_it(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.attachments.attach(joined.inside)
            await add_foreign_filter(made.kernel, joined, made.guard.guard_descriptor, preference=9)
            await made.attachments.detach(joined.inside)
            names = [one.name for one in await ingress_filters(made.kernel, joined.inside) if one.handle]
            assert names == ["theirs"]

    run(scenario)


def test_a_killed_directors_filter_is_replaced(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            killed = Attachments(made.kernel, lambda _: classifier(made.guard), lambda _: None)
            await killed.attach(joined.inside)
            for hold in killed._holds.values():
                hold.close()  # as the kernel does when the process dies
            await made.attachments.attach(joined.inside)
            names = [one.name for one in await ingress_filters(made.kernel, joined.inside) if one.handle]
            assert names == [FILTER_NAME]
            assert await remove_filters(made.kernel, joined.inside) == 1

    run(scenario)


def test_two_directors_never_share_an_interface(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as first, guarded(joined) as second:
            await first.attachments.attach(joined.inside)
            with pytest.raises(DatapathError, match=r"^\S+ already has a director: process \d+"):
                await second.attachments.attach(joined.inside)
            names = [one.name for one in await ingress_filters(first.kernel, joined.inside) if one.handle]
            assert names == [FILTER_NAME]

    run(scenario)


def test_an_interface_that_vanished_is_let_go(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.attachments.attach(joined.inside)
            await made.kernel.link("del", index=joined.inside)
            await made.attachments.detach(joined.inside)
            assert made.journal == [frozenset({joined.inside}), frozenset()]

    run(scenario)
