# SPDX-License-Identifier: Apache-2.0
"""What an import found: services that a director can have, and what was left, by line.

What the configuration's own rules refuse is left with their sentence, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from director.config import edit
from director.config.document import DestinationDocument, ServiceDocument
from director.config.errors import ConfigError
from director.config.limits import MAX_SERVICE_DESTINATIONS, MAX_SERVICES
from director.config.load import destination_from, service_from
from director.model.service import Destination, ServiceKey, VirtualService


@dataclass(frozen=True, slots=True, order=True)
class Left:
    """Something that was not taken over, and why."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Found:
    """Services in the order of the file."""

    services: tuple[VirtualService, ...]
    left: tuple[Left, ...]


@dataclass(slots=True)
class Collection:
    """Gathers services, their servers, and what is left."""

    services: dict[ServiceKey, VirtualService] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)

    def leave(self, line: int, what: str) -> None:
        self.left.append(Left(line, what))

    def add_service(self, line: int, service: VirtualService) -> bool:
        """Take a service without its servers over, or leave it; say which."""
        faults = _faults(lambda: service_from(_written(service)))
        if service.key in self.services:
            faults = [f"service {service.key} is there already"]
        if len(self.services) >= MAX_SERVICES:
            faults = [f"more than {MAX_SERVICES} services"]
        for fault in faults:
            self.leave(line, fault)
        if not faults:
            self.services[service.key] = replace(service, destinations=())
        return not faults

    def add_server(self, line: int, key: ServiceKey, server: Destination) -> None:
        """Take a server over, or leave it."""
        faults = _faults(lambda: destination_from(_written_server(server)))
        for fault in faults:
            self.leave(line, fault)
        if not faults:
            self._change(line, key, lambda service: edit.with_destination(service, server))

    def _change(self, line: int, key: ServiceKey, change: Callable[[VirtualService], VirtualService]) -> None:
        service = self.services.get(key)
        if service is None:
            self.leave(line, f"a server of {key}, which is no service here")
            return
        if len(service.destinations) >= MAX_SERVICE_DESTINATIONS:
            self.leave(line, f"more than {MAX_SERVICE_DESTINATIONS} servers of {key}")
            return
        try:
            self.services[key] = change(service)
        except ConfigError as error:
            for fault in error.faults:
                self.leave(line, fault.message)

    def found(self) -> Found:
        return Found(tuple(self.services.values()), tuple(sorted(self.left)))


def _faults(read: Callable[[], object]) -> list[str]:
    """Say what a file's own check would say of what was found."""
    try:
        read()
    except ConfigError as error:
        return [fault.message for fault in error.faults]
    return []


def _written(service: VirtualService) -> dict[str, Any]:
    document = ServiceDocument.of(replace(service, destinations=()))
    values = document.model_dump(mode="json", exclude_none=True)
    return values if service.key.mark else {**values, "mark": 0}


def _written_server(server: Destination) -> dict[str, Any]:
    return DestinationDocument.of(server).model_dump(mode="json")
