# SPDX-License-Identifier: Apache-2.0
"""All packet cases, by room."""

from __future__ import annotations

from tests.packets.case import Case
from tests.packets.cases import (
    any_port,
    counters,
    defences,
    deleted_service,
    direct_route,
    first_packet,
    fragments,
    fragments_ipv6,
    hostile_ipv6,
    icmp,
    icmp_ipv6,
    icmp_open,
    icmp_open_ipv6,
    ipv6,
    lifecycle,
    limits,
    local_node,
    marks,
    nat,
    nat_strangers,
    nat_strangers_ipv6,
    offload,
    offload_ipv6,
    one_packet,
    outer_errors,
    outer_errors_kinds,
    passing,
    persistence,
    sctp,
    states,
    thresholds,
    tunnel,
    tunnel_kinds,
)

ROOMS = (
    direct_route,
    tunnel,
    tunnel_kinds,
    nat,
    first_packet,
    lifecycle,
    deleted_service,
    states,
    limits,
    fragments,
    fragments_ipv6,
    hostile_ipv6,
    icmp,
    icmp_ipv6,
    ipv6,
    offload,
    offload_ipv6,
    passing,
    counters,
    thresholds,
    marks,
    any_port,
    sctp,
    defences,
    persistence,
    one_packet,
    local_node,
    outer_errors,
    outer_errors_kinds,
    icmp_open,
    icmp_open_ipv6,
    nat_strangers,
    nat_strangers_ipv6,
)
CASES: tuple[Case, ...] = tuple(
    Case(f"{room.__name__.rpartition('.')[2]}: {case.name}", case.setting, case.steps)
    for room in ROOMS
    for case in room.CASES
)
assert len({case.name for case in CASES}) == len(CASES)
