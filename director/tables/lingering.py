# SPDX-License-Identifier: Apache-2.0
"""Translated servers that a service has no more, while connections may still be answered by them.

A NAT server that was deleted, or is reached by another method now, goes on answering on its old connections.
Its replies must stay the data path's until no connection refers to it. Knows neither guard nor connection
table: the engine tells it what was taken away and what a census of the table found.
"""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from director.model import ServiceKey
from director.tables.held import LingeringServer
from director.tables.ids import CENSUSES_BEFORE_REUSE

Endpoint = tuple[IPAddress, int]


@dataclass(slots=True)
class _Lingering:
    id: int
    unseen: int = 0


class LingeringServers:
    """Who lingers, by service."""

    def __init__(self) -> None:
        self._services: dict[ServiceKey, dict[Endpoint, _Lingering]] = {}

    def leave(self, service: ServiceKey, endpoint: Endpoint, number: int) -> None:
        """Note that a service lost the server whose connections go by this destination id."""
        self._services.setdefault(service, {})[endpoint] = _Lingering(number)

    def of(self, service: ServiceKey) -> frozenset[Endpoint]:
        return frozenset(self._services.get(service, ()))

    def servers(self, service: ServiceKey) -> tuple[LingeringServer, ...]:
        found = self._services.get(service, {})
        return tuple(LingeringServer(one.id, *endpoint) for endpoint, one in found.items())

    def forget(self, service: ServiceKey) -> None:
        """Let all servers of a service go at once."""
        self._services.pop(service, None)

    def census(self, referred: frozenset[int]) -> frozenset[ServiceKey]:
        """Learn which ids connections refer to; return the services of which a server lingers no more."""
        changed = set()
        for service, servers in tuple(self._services.items()):
            for endpoint, server in tuple(servers.items()):
                server.unseen = 0 if server.id in referred else server.unseen + 1
                if server.unseen >= CENSUSES_BEFORE_REUSE:
                    del servers[endpoint]
                    changed.add(service)
            if not servers:
                del self._services[service]
        return frozenset(changed)
