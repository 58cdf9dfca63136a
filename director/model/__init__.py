# SPDX-License-Identifier: Apache-2.0
"""The nouns of the director: frozen, pure, and importing nothing of the floors above."""

from director.model.configuration import Configuration, Settings, Timeouts, Tunables
from director.model.network import Link, Neighbour, NextHop, OwnAddress, Route, RouteAnswer
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

__all__ = [
    "Configuration",
    "Destination",
    "ForwardingMethod",
    "Link",
    "Neighbour",
    "NextHop",
    "OwnAddress",
    "Protocol",
    "Route",
    "RouteAnswer",
    "Scheduler",
    "SchedulerFlag",
    "ServiceKey",
    "Settings",
    "Timeouts",
    "Tunables",
    "VirtualService",
]
