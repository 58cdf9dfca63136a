# SPDX-License-Identifier: Apache-2.0
"""Two configurations that have most in common: what is the same in both is the same object.

An edit makes a new configuration of one new service and all the other services of before, as they are. So
who compares two configurations looks at what is not shared, and an edit among a hundred thousand destinations
costs what one service costs. A configuration that was read anew shares nothing; `sharing` makes it so.
"""

from __future__ import annotations

from dataclasses import replace

from director.model.configuration import Configuration
from director.model.service import VirtualService


def only_in(one: Configuration, other: Configuration) -> tuple[VirtualService, ...]:
    """List the services of the one that are not the same objects in the other; they may be equal still."""
    shared = {id(service) for service in other.services}
    return tuple(service for service in one.services if id(service) not in shared)


def sharing(before: Configuration, after: Configuration) -> Configuration:
    """Return `after`, with the services of `before` in place of those that equal them."""
    old = {service.key: service for service in only_in(before, after)}
    if not old:
        return after
    shared = (
        old.get(service.key, service) if old.get(service.key) == service else service
        for service in after.services
    )
    return replace(after, services=tuple(shared))
