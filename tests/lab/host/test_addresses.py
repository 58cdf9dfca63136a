# SPDX-License-Identifier: Apache-2.0
"""VIPs are held, and what others put there is left alone."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from netaddr import IPAddress
from pyroute2 import AsyncIPRoute

from director.host.addresses import Addresses, HeldAddress, present_addresses
from tests.lab.host.watched import FAR_VIP, OURS, VIP, run
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "packet-socket"), pytest.mark.lab]


@asynccontextmanager
async def holding(joined: Segment) -> AsyncIterator[tuple[Addresses, list[frozenset[HeldAddress]]]]:
    journal: list[frozenset[HeldAddress]] = []
    async with AsyncIPRoute() as kernel:
        yield Addresses(kernel, lambda: (joined.inside,), journal.append), journal


def prefixes(present: frozenset[Any], *wanted: IPAddress) -> list[int]:
    return [one.prefix for address in wanted for one in present if one.address == address]


def test_vips_are_held_alone_in_their_subnet_and_released(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, journal):
            vips = frozenset({VIP, FAR_VIP, IPAddress("2001:db8::1")})
            held = frozenset(HeldAddress(joined.inside, vip) for vip in vips)
            assert frozenset(await addresses.hold(vips)) == held == addresses.held == journal[-1]
            present = await present_addresses(addresses._kernel)
            assert prefixes(present, VIP, FAR_VIP, IPAddress("2001:db8::1")) == [32, 32, 128]
            assert await addresses.hold(vips) == ()
            await addresses.hold(frozenset())
            assert prefixes(await present_addresses(addresses._kernel), *vips) == []
            assert (addresses.held, journal[-1]) == (frozenset(), frozenset())

    run(scenario)


def test_an_address_that_was_there_before_is_never_touched(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, journal):
            assert await addresses.hold(frozenset({OURS})) == ()
            await addresses.hold(frozenset())
            assert prefixes(await present_addresses(addresses._kernel), OURS) == [24]
            assert journal == []

    run(scenario)


def test_a_vip_stays_where_there_is_no_room_to_note_the_one_in_its_place(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:

            def note(held: frozenset[HeldAddress]) -> None:
                if any(one.address == FAR_VIP for one in held):
                    raise OSError(errno.ENOSPC, "no room")

            addresses = Addresses(kernel, lambda: (joined.inside,), note)
            await addresses.hold(frozenset({VIP}))
            with pytest.raises(OSError, match="no room"):
                await addresses.hold(frozenset({FAR_VIP}))
            assert prefixes(await present_addresses(kernel), VIP, FAR_VIP) == [32]
            assert addresses.held == {HeldAddress(joined.inside, VIP)}

    run(scenario)


def test_the_journal_knows_of_an_address_before_it_is_there(joined: Segment) -> None:
    async def scenario() -> None:
        async with AsyncIPRoute() as kernel:

            def refuse(held: frozenset[HeldAddress]) -> None:
                raise OSError(errno.ENOSPC, f"no room for {len(held)}")

            addresses = Addresses(kernel, lambda: (joined.inside,), refuse)
            with pytest.raises(OSError, match="no room for 1"):
                await addresses.hold(frozenset({VIP}))
            assert prefixes(await present_addresses(kernel), VIP) == []

    run(scenario)


def test_a_vip_that_somebody_took_away_is_released_without_complaint(joined: Segment) -> None:
    async def scenario() -> None:
        async with holding(joined) as (addresses, _):
            await addresses.hold(frozenset({VIP}))
            await addresses._kernel.addr("del", index=joined.inside, address=str(VIP), prefixlen=32)
            await addresses.hold(frozenset())
            assert addresses.held == frozenset()

    run(scenario)
