# SPDX-License-Identifier: Apache-2.0
"""Single edits: a configuration in, the edited configuration out, or ConfigError and nothing happened.

The refusals are kernel IPVS's, in its words. Order is kept: an edited service or destination stays put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from director.config import rules
from director.config.errors import ConfigError, Conflict, Fault
from director.model.configuration import Configuration
from director.model.connection import Endpoint
from director.model.service import (
    Destination,
    ForwardingMethod,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)


def add_service(configuration: Configuration, service: VirtualService) -> Configuration:
    """Add a service, with its destinations if it has any, after the others."""
    if configuration.service(service.key) is not None:
        raise _exists("service already exists", str(service.key))
    _refuse(rules.service_faults(service))
    empty = replace(service, destinations=())
    edited = _sized(replace(configuration, services=(*configuration.services, empty)))
    for destination in service.destinations:
        edited = add_destination(edited, service.key, destination)
    return edited


def edit_service(
    configuration: Configuration,
    key: ServiceKey,
    scheduler: Scheduler | None = None,
    flags: frozenset[SchedulerFlag] | None = None,
) -> Configuration:
    """Change what is not None. A change of scheduler alone drops the flags that belong to the old one."""

    def change(service: VirtualService) -> VirtualService:
        chosen = scheduler or service.scheduler
        kept = frozenset(flag for flag in service.flags if flag.scheduler is chosen)
        edited = replace(service, scheduler=chosen, flags=kept if flags is None else flags)
        _refuse(rules.service_faults(edited))
        return edited

    return _with_service(configuration, key, change)


def delete_service(configuration: Configuration, key: ServiceKey) -> Configuration:
    """Remove a service and its destinations."""
    _service(configuration, key)
    return replace(configuration, services=tuple(each for each in configuration.services if each.key != key))


def add_destination(configuration: Configuration, key: ServiceKey, destination: Destination) -> Configuration:
    """Add a destination to a service, after its others."""

    def change(service: VirtualService) -> VirtualService:
        if service.destination(destination.address, destination.port) is not None:
            raise _exists("destination already exists", f"{key} -> {destination.endpoint}")
        _refuse(rules.destination_faults(key, destination))
        return replace(service, destinations=(*service.destinations, destination))

    return _sized(_with_service(configuration, key, change))


def edit_destination(
    configuration: Configuration,
    key: ServiceKey,
    where: Endpoint,
    method: ForwardingMethod | None = None,
    weight: int | None = None,
) -> Configuration:
    """Change what is not None."""

    def change(service: VirtualService) -> VirtualService:
        old = _destination(service, where)
        new = replace(old, method=method or old.method, weight=old.weight if weight is None else weight)
        _refuse(rules.destination_faults(key, new))
        return replace(
            service, destinations=tuple(new if each == old else each for each in service.destinations)
        )

    return _with_service(configuration, key, change)


def delete_destination(configuration: Configuration, key: ServiceKey, where: Endpoint) -> Configuration:
    """Remove a destination from a service."""

    def change(service: VirtualService) -> VirtualService:
        gone = _destination(service, where)
        return replace(service, destinations=tuple(each for each in service.destinations if each != gone))

    return _with_service(configuration, key, change)


def missing_service(key: ServiceKey) -> ConfigError:
    """Return the refusal of whatever is asked of a service that is not there."""
    return _conflict(Conflict.MISSING, "no such service", str(key), "a service that exists")


def _with_service(
    configuration: Configuration, key: ServiceKey, change: Callable[[VirtualService], VirtualService]
) -> Configuration:
    changed = change(_service(configuration, key))
    services = tuple(changed if each.key == key else each for each in configuration.services)
    return replace(configuration, services=services)


def _service(configuration: Configuration, key: ServiceKey) -> VirtualService:
    found = configuration.service(key)
    if found is None:
        raise missing_service(key)
    return found


def _destination(service: VirtualService, where: Endpoint) -> Destination:
    found = service.destination(where.address, where.port)
    if found is None:
        name = f"{service.key} -> {where}"
        raise _conflict(Conflict.MISSING, "no such destination", name, "a destination that exists")
    return found


def _sized(configuration: Configuration) -> Configuration:
    _refuse(rules.size_faults(configuration.services))
    return configuration


def _refuse(faults: Iterable[Fault]) -> None:
    found = tuple(faults)
    if found:
        raise ConfigError(found)


def _exists(words: str, found: str) -> ConfigError:
    return _conflict(Conflict.EXISTS, words, found, "one that does not exist yet")


def _conflict(conflict: Conflict, words: str, found: str, expected: str) -> ConfigError:
    return ConfigError([Fault("", found, expected, f"{words}: {found}")], conflict=conflict)
