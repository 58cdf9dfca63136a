# SPDX-License-Identifier: Apache-2.0
"""The nouns of the director: frozen, pure, and importing nothing of the floors above."""

from director.model.configuration import Configuration, Settings, Timeouts, Tunables
from director.model.network import Link, Neighbour, NextHop, OwnAddress, Route, RouteAnswer, Way
from director.model.service import (
    Destination,
    ForwardingMethod,
    MarkRule,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)

__all__ = [
    "Configuration",
    "Destination",
    "ForwardingMethod",
    "Link",
    "MarkRule",
    "Neighbour",
    "NextHop",
    "OwnAddress",
    "Persistence",
    "Protocol",
    "Route",
    "RouteAnswer",
    "Scheduler",
    "SchedulerFlag",
    "ServiceKey",
    "Settings",
    "Timeouts",
    "Tunables",
    "Tunnel",
    "TunnelChecksum",
    "TunnelType",
    "VirtualService",
    "Way",
]
