# SPDX-License-Identifier: Apache-2.0
"""Single edits: a configuration in, the edited configuration out, or ConfigError and nothing happened.

The refusals are kernel IPVS's, in its words. Order is kept: an edited service or destination stays put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from director.config import rules
from director.config.errors import ConfigError, Conflict, Fault
from director.model.configuration import Configuration
from director.model.connection import Endpoint
from director.model.service import Destination, MarkRule, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole

Noun = TypeVar("Noun", VirtualService, Destination)
Edit = Callable[[Noun], Noun]


def add_service(configuration: Configuration, service: VirtualService) -> Configuration:
    """Add a service, with its destinations if it has any, after the others."""
    if configuration.service(service.key) is not None:
        raise existing_service(service.key)
    added = new_service(service)
    return sized(replace(configuration, services=(*configuration.services, added)))


def new_service(service: VirtualService) -> VirtualService:
    """Judge a service and its destinations as if they were added one by one."""
    _refuse(rules.service_faults(service))
    made = replace(service, destinations=())
    for destination in service.destinations:
        made = with_destination(made, destination)
    return made


def edit_service(configuration: Configuration, key: ServiceKey, edit: Edit[VirtualService]) -> Configuration:
    """Change a service by a function.

    A change of scheduler drops the flags that belong to the old one, unless the flags are changed as well.
    """
    return _with_service(configuration, key, lambda service: with_edit(service, edit))


def delete_service(configuration: Configuration, key: ServiceKey) -> Configuration:
    """Remove a service and its destinations."""
    _service(configuration, key)
    return replace(configuration, services=tuple(each for each in configuration.services if each.key != key))


def add_destination(configuration: Configuration, key: ServiceKey, destination: Destination) -> Configuration:
    """Add a destination to a service, after its others."""
    added = _with_service(configuration, key, lambda service: with_destination(service, destination))
    return sized(added)


def edit_destination(
    configuration: Configuration, key: ServiceKey, where: Endpoint, edit: Edit[Destination]
) -> Configuration:
    """Change a destination by a function."""
    return _with_service(configuration, key, lambda service: with_edited(service, where, edit))


def delete_destination(configuration: Configuration, key: ServiceKey, where: Endpoint) -> Configuration:
    """Remove a destination from a service."""
    return _with_service(configuration, key, lambda service: without_destination(service, where))


def with_edit(service: VirtualService, edit: Edit[VirtualService]) -> VirtualService:
    """Change one service, as edit_service does."""
    edited = edit(service)
    if edited.flags == service.flags:
        kept = frozenset(flag for flag in edited.flags if flag.scheduler is edited.scheduler)
        edited = replace(edited, flags=kept)
    _refuse(rules.service_faults(edited))
    return edited


def with_destination(service: VirtualService, destination: Destination) -> VirtualService:
    """Add a destination to one service."""
    if service.destination(destination.address, destination.port) is not None:
        raise _exists("destination already exists", f"{service.key} -> {destination.endpoint}")
    _refuse(rules.destination_faults(service.key, destination))
    return replace(service, destinations=(*service.destinations, destination))


def with_edited(service: VirtualService, where: Endpoint, edit: Edit[Destination]) -> VirtualService:
    """Change a destination of one service."""
    old = _destination(service, where)
    new = edit(old)
    _refuse(rules.destination_faults(service.key, new))
    return replace(service, destinations=tuple(new if each == old else each for each in service.destinations))


def without_destination(service: VirtualService, where: Endpoint) -> VirtualService:
    """Remove a destination of one service."""
    gone = _destination(service, where)
    return replace(service, destinations=tuple(each for each in service.destinations if each != gone))


def add_mark(configuration: Configuration, rule: MarkRule) -> Configuration:
    """Add a mark rule, to be asked after the others."""
    if rule in configuration.marks:
        raise _exists("mark rule already exists", str(rule))
    _refuse(rules.mark_faults(len(configuration.marks) + 1))
    return replace(configuration, marks=(*configuration.marks, rule))


def delete_mark(configuration: Configuration, rule: MarkRule) -> Configuration:
    """Remove a mark rule."""
    if rule not in configuration.marks:
        raise _conflict(Conflict.MISSING, "no such mark rule", str(rule), "a rule that exists")
    return replace(configuration, marks=tuple(each for each in configuration.marks if each != rule))


def put_sync(configuration: Configuration, daemon: SyncDaemon) -> Configuration:
    """Begin to synchronise in a role, or go on in it otherwise."""
    others = tuple(each for each in configuration.sync if each.role is not daemon.role)
    both = sorted((*others, daemon), key=lambda each: list(SyncRole).index(each.role))
    return replace(configuration, sync=tuple(both))


def delete_sync(configuration: Configuration, role: SyncRole) -> Configuration:
    """Give up a role."""
    if configuration.sync_daemon(role) is None:
        raise _conflict(Conflict.MISSING, "no such sync daemon", role.value, "a role that it has")
    return replace(configuration, sync=tuple(each for each in configuration.sync if each.role is not role))


def existing_service(key: ServiceKey) -> ConfigError:
    """Return the refusal of a service that is there already."""
    return _exists("service already exists", str(key))


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


def sized(configuration: Configuration) -> Configuration:
    """Return the configuration if the table has room for it."""
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
