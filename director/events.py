# SPDX-License-Identifier: Apache-2.0
"""Facts that reach the engine. Each is a past fact; none says what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from director.model import Configuration, Link, Neighbour, RouteAnswer


@dataclass(frozen=True, slots=True)
class ConfigurationApplied:
    """The operator's wish changed to this whole, valid configuration."""

    configuration: Configuration


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """An interface appeared or changed."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """An interface is gone."""

    index: int


@dataclass(frozen=True, slots=True)
class RouteResolved:
    """The kernel answered a `ResolveRoute`; `route` is None where it has none."""

    destination: IPAddress
    route: RouteAnswer


@dataclass(frozen=True, slots=True)
class RoutesChanged:
    """Some route, rule or address changed: earlier answers may be stale."""


@dataclass(frozen=True, slots=True)
class NeighbourChanged:
    """A neighbour was resolved, moved, or was lost (`mac` None)."""

    neighbour: Neighbour


@dataclass(frozen=True, slots=True)
class ConnectionsCounted:
    """A census of the connection table: the destination ids that live entries still refer to."""

    destination_ids: frozenset[int]


Event = (
    ConfigurationApplied
    | LinkChanged
    | LinkRemoved
    | RouteResolved
    | RoutesChanged
    | NeighbourChanged
    | ConnectionsCounted
)
