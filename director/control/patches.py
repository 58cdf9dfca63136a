# SPDX-License-Identifier: Apache-2.0
"""Partial edits as functions: what a patch gives is changed, what it leaves out stays. Knows no port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from director.config.document import persistence_of
from director.config.errors import ConfigError
from director.config.load import own_timeouts_from
from director.config.rules import mask_alone
from director.control.documents import DestinationPatch, ServicePatch
from director.model.service import Destination, Persistence, Tunnel, VirtualService

_OF_TUNNEL = {"tunnel": "type", "tunnel_port": "port", "tunnel_checksum": "checksum"}


def service_edit(patch: ServicePatch) -> Callable[[VirtualService], VirtualService]:
    """Return what the patch does to a service; its idle times are taken as a whole."""
    given = patch.model_fields_set
    changes: dict[str, Any] = {
        name: getattr(patch, name) for name in ("scheduler", "one_packet") if name in given
    }
    if "flags" in given:
        changes["flags"] = frozenset(patch.flags)
    if "timeouts" in given:
        changes["timeouts"] = _timeouts(patch.timeouts)

    def edit(service: VirtualService) -> VirtualService:
        return replace(service, **changes, persistence=_persistence(patch, service))

    return edit


def destination_edit(patch: DestinationPatch) -> Callable[[Destination], Destination]:
    """Return what the patch does to a destination.

    Another method drops all that is said of the tunnel, another type of tunnel its port and checksum.
    """
    given = patch.model_fields_set
    changes = {name: getattr(patch, name) for name in given if name not in _OF_TUNNEL}
    of_tunnel = {_OF_TUNNEL[name]: getattr(patch, name) for name in given if name in _OF_TUNNEL}

    def edit(destination: Destination) -> Destination:
        old = destination.tunnel
        is_other = changes.get("method", destination.method) is not destination.method
        is_other = is_other or of_tunnel.get("type", old.type) is not old.type
        return replace(destination, **changes, tunnel=replace(Tunnel() if is_other else old, **of_tunnel))

    return edit


def _persistence(patch: ServicePatch, service: VirtualService) -> Persistence | None:
    """Return the persistence that the patch asks for: a mask alone changes the mask."""
    held, given = service.persistence, patch.model_fields_set
    timeout = patch.persistence if "persistence" in given else held.timeout if held is not None else 0
    old = held.mask if held is not None else None
    mask = patch.persistence_mask if "persistence_mask" in given else old
    if timeout == 0 and patch.persistence_mask is not None:
        raise ConfigError([mask_alone(patch.persistence_mask)])
    return persistence_of(timeout, mask, service.key.address.version)


def _timeouts(values: dict[str, int]) -> tuple[tuple[str, int], ...]:
    try:
        return own_timeouts_from(values)
    except ConfigError as error:
        raise ConfigError(fault.below(("timeouts",)) for fault in error.faults) from None
