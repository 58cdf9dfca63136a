# SPDX-License-Identifier: Apache-2.0
"""Which packets are a service's, and must not be answered by the local stack. Pure."""

from __future__ import annotations

from netaddr import IPAddress

from director.commands import GuardKey, GuardSide
from director.model import ForwardingMethod, VirtualService


def translated(service: VirtualService) -> frozenset[tuple[IPAddress, int]]:
    """Return where a service's packets go with another address: its NAT servers."""
    nat = (d for d in service.destinations if d.method is ForwardingMethod.NAT)
    return frozenset((destination.address, destination.port) for destination in nat)


def guard_keys(service: VirtualService, lingering: frozenset[tuple[IPAddress, int]]) -> frozenset[GuardKey]:
    """Return whose packets the local stack must not answer: clients' to the service, and NAT servers'
    replies.
    """
    key = service.key
    servers = translated(service) | lingering
    replies = (GuardKey(GuardSide.FROM, key.protocol, address, port) for address, port in servers)
    return frozenset((GuardKey(GuardSide.TO, key.protocol, key.address, key.port), *replies))
