# SPDX-License-Identifier: Apache-2.0
"""The exchanges by topic: the packet table's cases, room by room, and this room's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tests.interop.exchange import Exchange, exchange_of
from tests.interop.exchanges import errors, headers, lifetimes
from tests.packets.case import Case
from tests.packets.cases import (
    counters,
    direct_route,
    first_packet,
    fragments,
    icmp,
    lifecycle,
    nat,
    passing,
    states,
    tunnel,
)


def _from(cases: Iterable[Case]) -> tuple[Exchange, ...]:
    return tuple(exchange for exchange in map(exchange_of, cases) if exchange is not None)


OWN = ("headers", "errors", "lifetimes")
TOPICS: Mapping[str, tuple[Exchange, ...]] = MappingProxyType(
    {
        "direct_route": _from(direct_route.CASES),
        "tunnel": _from(tunnel.CASES),
        "nat": _from(nat.CASES),
        "icmp": _from(icmp.CASES),
        "fragments": _from(fragments.CASES),
        "first_packet": _from(first_packet.CASES),
        "lifecycle": _from(lifecycle.CASES),
        "passing": _from(passing.CASES),
        "counters": _from(counters.CASES),
        "states": _from(states.CASES),
        "headers": headers.EXCHANGES,
        "errors": errors.EXCHANGES,
        "lifetimes": lifetimes.EXCHANGES,
    }
)
