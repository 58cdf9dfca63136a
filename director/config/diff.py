# SPDX-License-Identifier: Apache-2.0
"""What would change: two configurations compared, as changes that an operator can read.

Two configurations have an empty difference exactly when they are equal. Nothing here applies a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum

from director.config.sharing import only_in
from director.model.configuration import Configuration, Settings, Timeouts, Tunables
from director.model.service import (
    Destination,
    MarkRule,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    VirtualService,
    endpoint,
)
from director.model.sync import SyncDaemon


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """A value of [director], [timeouts] or [sysctl] changed; those of [director] wait for the next start."""

    key: str
    before: str
    after: str

    @property
    def needs_restart(self) -> bool:
        return self.key.startswith("director.")

    def __str__(self) -> str:
        note = " (from the next start)" if self.needs_restart else ""
        return f"~ {self.key} {self.before} -> {self.after}{note}"


@dataclass(frozen=True, slots=True)
class ServiceAdded:
    """A service is new; its destinations follow as changes of their own."""

    service: VirtualService

    def __str__(self) -> str:
        return f"+ service {self.service.key} {' '.join(_service_words(self.service))}"


@dataclass(frozen=True, slots=True)
class ServiceRemoved:
    """A service is gone, its destinations with it."""

    service: VirtualService

    def __str__(self) -> str:
        return f"- service {self.service.key} {' '.join(_service_words(self.service))}"


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """A service got another scheduler, other flags, or another way of keeping clients and connections."""

    before: VirtualService
    after: VirtualService

    def __str__(self) -> str:
        changed = _changed(_service_facts(self.before), _service_facts(self.after))
        return f"~ service {self.after.key} {changed}"


@dataclass(frozen=True, slots=True)
class DestinationAdded:
    """A service got another real server."""

    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        return f"+ server {self.service} -> {_destination_words(self.destination)}"


@dataclass(frozen=True, slots=True)
class DestinationRemoved:
    """A service lost a real server."""

    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        return f"- server {self.service} -> {_destination_words(self.destination)}"


@dataclass(frozen=True, slots=True)
class DestinationChanged:
    """A real server got another weight or method."""

    service: ServiceKey
    before: Destination
    after: Destination

    def __str__(self) -> str:
        changed = _changed(_destination_facts(self.before), _destination_facts(self.after))
        return f"~ server {self.service} -> {self.after.endpoint} {changed}"


@dataclass(frozen=True, slots=True)
class MarkAdded:
    """There is another mark rule."""

    rule: MarkRule

    def __str__(self) -> str:
        return f"+ mark {self.rule}"


@dataclass(frozen=True, slots=True)
class MarkRemoved:
    """A mark rule is gone."""

    rule: MarkRule

    def __str__(self) -> str:
        return f"- mark {self.rule}"


@dataclass(frozen=True, slots=True)
class MarksReordered:
    """Mark rules are asked in another order; a packet has the mark of the first that fits."""

    order: tuple[MarkRule, ...]

    def __str__(self) -> str:
        return f"~ order of marks {'; '.join(map(str, self.order))}"


@dataclass(frozen=True, slots=True)
class SyncAdded:
    """The director begins to synchronise its connections in another role."""

    daemon: SyncDaemon

    def __str__(self) -> str:
        return f"+ sync {' '.join(_sync_words(self.daemon))}"


@dataclass(frozen=True, slots=True)
class SyncRemoved:
    """The director gives up a role."""

    daemon: SyncDaemon

    def __str__(self) -> str:
        return f"- sync {' '.join(_sync_words(self.daemon))}"


@dataclass(frozen=True, slots=True)
class DestinationsReordered:
    """A service's real servers stand in another order, which schedulers that take turns follow."""

    service: ServiceKey
    order: tuple[str, ...]

    def __str__(self) -> str:
        return f"~ service {self.service} order of servers {' '.join(self.order)}"


@dataclass(frozen=True, slots=True)
class ServicesReordered:
    """The services stand in another order."""

    order: tuple[ServiceKey, ...]

    def __str__(self) -> str:
        return f"~ order of services {' '.join(map(str, self.order))}"


Change = (
    SettingChanged
    | ServiceAdded
    | ServiceRemoved
    | ServiceChanged
    | DestinationAdded
    | DestinationRemoved
    | DestinationChanged
    | DestinationsReordered
    | MarkAdded
    | MarkRemoved
    | MarksReordered
    | SyncAdded
    | SyncRemoved
    | ServicesReordered
)


def diff(before: Configuration, after: Configuration) -> tuple[Change, ...]:
    """Return what turns `before` into `after`: settings, then removals, then the services in their order.

    Services that both have as the same object cost next to nothing: see `sharing.py`.
    """
    return (
        *_settings_changes("director", before.settings, after.settings),
        *_settings_changes("timeouts", before.timeouts, after.timeouts),
        *_settings_changes("sysctl", before.tunables, after.tunables),
        *_marks_changes(before.marks, after.marks),
        *(SyncRemoved(each) for each in before.sync if each not in after.sync),
        *(SyncAdded(each) for each in after.sync if each not in before.sync),
        *_services_changes(before, after),
    )


def _settings_changes(
    table: str, before: Settings | Timeouts | Tunables, after: Settings | Timeouts | Tunables
) -> Iterator[Change]:
    for each in fields(before):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if old != new:
            yield SettingChanged(f"{table}.{each.name}", _value(old), _value(new))


def _marks_changes(before: tuple[MarkRule, ...], after: tuple[MarkRule, ...]) -> Iterator[Change]:
    yield from (MarkRemoved(rule) for rule in before if rule not in after)
    yield from (MarkAdded(rule) for rule in after if rule not in before)
    if _expected_order(before, after) != after:
        yield MarksReordered(after)


def _services_changes(before: Configuration, after: Configuration) -> Iterator[Change]:
    old = {service.key: service for service in only_in(before, after)}
    unlike = only_in(after, before)
    kept = {service.key for service in unlike}
    yield from (ServiceRemoved(service) for service in old.values() if service.key not in kept)
    for service in unlike:
        if service.key not in old:
            yield ServiceAdded(service)
            yield from (DestinationAdded(service.key, each) for each in service.destinations)
        elif old[service.key] != service:
            yield from _service_changes(old[service.key], service)
    if not _same_places(before.services, after.services):
        keys = tuple(service.key for service in after.services)
        if _expected_order(tuple(service.key for service in before.services), keys) != keys:
            yield ServicesReordered(keys)


def _same_places(before: Sequence[VirtualService], after: Sequence[VirtualService]) -> bool:
    pairs = zip(before, after, strict=False)
    return len(before) == len(after) and all(old is new or old.key == new.key for old, new in pairs)


def _service_changes(before: VirtualService, after: VirtualService) -> Iterator[Change]:
    if _service_facts(before) != _service_facts(after):
        yield ServiceChanged(before, after)
    old = {destination.endpoint: destination for destination in before.destinations}
    new = {destination.endpoint: destination for destination in after.destinations}
    yield from (DestinationRemoved(before.key, each) for name, each in old.items() if name not in new)
    for name, destination in new.items():
        if name not in old:
            yield DestinationAdded(after.key, destination)
        elif old[name] != destination:
            yield DestinationChanged(after.key, old[name], destination)
    if _expected_order(tuple(old), tuple(new)) != tuple(new):
        yield DestinationsReordered(after.key, tuple(new))


def _expected_order(old: tuple[object, ...], new: tuple[object, ...]) -> tuple[object, ...]:
    """Return the order that removing and then adding at the end would give."""
    were, stay = set(old), set(new)
    return (*(each for each in old if each in stay), *(each for each in new if each not in were))


def _service_facts(service: VirtualService) -> tuple[tuple[str, str], ...]:
    flags = ",".join(sorted(flag.value for flag in service.flags)) or "none"
    timeouts = ",".join(f"{name}={seconds}" for name, seconds in service.timeouts) or "none"
    held = service.persistence
    mask = f"/{held.mask}" if held is not None and held.mask is not None else ""
    return (
        ("scheduler", service.scheduler.value),
        ("flags", flags),
        ("persistence", f"{held.timeout}{mask}" if held is not None else "none"),
        ("one-packet", "yes" if service.one_packet else "none"),
        ("timeouts", timeouts),
    )


def _service_words(service: VirtualService) -> Iterator[str]:
    facts = _service_facts(service)
    return (f"{name} {value}" for name, value in facts if value != "none")


def _sync_words(daemon: SyncDaemon) -> tuple[str, ...]:
    where = endpoint(daemon.group, daemon.port)
    words = (daemon.role.value, f"interface {daemon.interface}", f"syncid {daemon.syncid}", f"group {where}")
    return (*words, f"ttl {daemon.ttl}", f"maxlen {daemon.longest}")


def _destination_facts(destination: Destination) -> tuple[tuple[str, str], ...]:
    return (
        ("method", destination.method.value),
        ("weight", str(destination.weight)),
        ("limits", f"{destination.lower}-{destination.upper}" if destination.upper else "none"),
        ("tunnel", _tunnel(destination)),
    )


def _tunnel(destination: Destination) -> str:
    tunnel = destination.tunnel
    if tunnel == Tunnel():
        return "none"
    port = f":{tunnel.port}" if tunnel.port else ""
    checksum = "" if tunnel.checksum is TunnelChecksum.NONE else f" checksum {tunnel.checksum.value}"
    return f"{tunnel.type.value}{port}{checksum}"


def _destination_words(destination: Destination) -> str:
    more = (f" {name} {value}" for name, value in _destination_facts(destination)[2:] if value != "none")
    return f"{destination.endpoint} {destination.method.value} weight {destination.weight}{''.join(more)}"


def _changed(before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]) -> str:
    pairs = zip(before, after, strict=True)
    return " ".join(f"{name} {old} -> {new}" for (name, old), (_, new) in pairs if old != new)


def _value(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "every"  # the interfaces
    return str(value).lower() if isinstance(value, bool) else str(value)
