# SPDX-License-Identifier: Apache-2.0
"""Who holds which stable ids, as values: all that another process has to know to go on with them.

Nothing here knows how it is written down, or where.
"""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from director.model import Destination, ServiceKey, VirtualService


@dataclass(frozen=True, slots=True)
class HeldDestination:
    """A destination's id; not `present`: it is gone, and connections may still refer to it."""

    id: int
    destination: Destination
    last_weight: int
    present: bool


@dataclass(frozen=True, slots=True)
class LingeringServer:
    """A translated server that a service has no more, while it may still answer on old connections."""

    id: int
    address: IPAddress
    port: int


@dataclass(frozen=True, slots=True)
class HeldService:
    """A service's ids. `service` is None when it is gone; `id` is None when nothing is held for the key.

    `gone`: what it was, without servers, while the data path keeps its connections' packets.
    """

    key: ServiceKey
    id: int | None = None
    service: VirtualService | None = None
    destinations: tuple[HeldDestination, ...] = ()
    lingering: tuple[LingeringServer, ...] = ()
    gone: VirtualService | None = None
