# SPDX-License-Identifier: Apache-2.0
"""The exchanges by topic: the packet table's cases, room by room, and this room's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tests.interop.exchange import Exchange, exchange_of
from tests.interop.exchanges import (
    addresses,
    errors,
    headers,
    ipv6,
    ipv6_errors,
    lifetimes,
    living,
    persistence,
    sctp,
    services,
    trials,
    tunables,
    tunnels,
)
from tests.packets.case import Case
from tests.packets.cases import (
    counters,
    deleted_service,
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


OWN: Mapping[str, tuple[Exchange, ...]] = MappingProxyType(
    {
        "headers": headers.EXCHANGES,
        "errors": errors.EXCHANGES,
        "lifetimes": lifetimes.EXCHANGES,
        "ipv6": ipv6.EXCHANGES,
        "ipv6_errors": ipv6_errors.EXCHANGES,
        "persistence": persistence.EXCHANGES,
        "one_packet": services.ONE_PACKET,
        "thresholds": services.THRESHOLDS,
        "marks": services.MARKS,
        "sharing": services.SHARING,
        "sctp": sctp.EXCHANGES,
        "tunnels": tunnels.TUNNELS,
        "outer_errors": tunnels.OUTER_ERRORS,
        "local_node": tunnels.LOCAL,
        "nat_icmp_send": tunables.NAT_ICMP_SEND,
        "schedule_icmp": tunables.SCHEDULE_ICMP,
        "drop_packet": tunables.DROP_PACKET,
        "secure_tcp": tunables.SECURE_TCP,
        "timeouts": tunables.TIMEOUTS,
        "conn_reuse": tunables.CONN_REUSE,
        "scheduling": living.SCHEDULING,
        "changes": living.CHANGES,
        "addresses": addresses.EXCHANGES,
        "trials": trials.EXCHANGES,
    }
)
# Put to a kernel; the data path can not do it yet. A topic that it can do has to be taken out.
PENDING: tuple[str, ...] = ()
TOPICS: Mapping[str, tuple[Exchange, ...]] = MappingProxyType(
    {
        "direct_route": _from(direct_route.CASES),
        "tunnel": _from(tunnel.CASES),
        "nat": _from(nat.CASES),
        "icmp": _from(icmp.CASES),
        "fragments": _from(fragments.CASES),
        "first_packet": _from(first_packet.CASES),
        "lifecycle": _from(lifecycle.CASES),
        "deleted_service": _from(deleted_service.CASES),
        "passing": _from(passing.CASES),
        "counters": _from(counters.CASES),
        "states": _from(states.CASES),
        **OWN,
    }
)
