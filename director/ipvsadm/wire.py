# SPDX-License-Identifier: Apache-2.0
"""The control API's plain JSON to nouns, and nouns to JSON. Pure.

The models that define this JSON are in `control/` and `config/` and slow to import, and ipvsadm is called for
single edits by programs that wait for it; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netaddr import IPAddress

from director.model.connection import Endpoint
from director.model.counters import Counters, Rates
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
    endpoint,
)
from director.model.sync import SyncDaemon, SyncRole

Json = dict[str, Any]
LEAST_LENGTH = 1024
ANY_PROTOCOL = "ip"  # of the templates of a firewall mark
_NO_COUNTERS, _NO_RATES = Counters(), Rates()
_FAMILIES = {4: "ipv4", 6: "ipv6"}


@dataclass(frozen=True, slots=True)
class ListedServer:
    """A server and its numbers."""

    server: Destination
    active: int = 0
    inactive: int = 0
    persistent: int = 0
    counters: Counters = _NO_COUNTERS
    rates: Rates = _NO_RATES


@dataclass(frozen=True, slots=True)
class ListedService:
    """A service and its numbers; the servers in the order they were added."""

    service: VirtualService
    servers: tuple[ListedServer, ...] = ()
    counters: Counters = _NO_COUNTERS
    rates: Rates = _NO_RATES


def endpoint_of(text: str) -> Endpoint:
    """Read what the API writes: `10.0.0.2:80`, `[2001:db8::1]:80`."""
    address, _, port = text.rpartition(":")
    return Endpoint(IPAddress(address.strip("[]")), int(port))


def service_of(values: Json) -> VirtualService:
    key = _key_of(values)
    persistence = None
    if values["persistence"]:
        persistence = Persistence(values["persistence"], _mask_of(values["persistence_mask"], key))
    return VirtualService(
        key,
        Scheduler(values["scheduler"]),
        frozenset(map(SchedulerFlag, values["flags"])),
        tuple(map(destination_of, values["destination"])),
        persistence,
        values["one_packet"],
        tuple(sorted(values["timeouts"].items())),
    )


def _key_of(values: Json) -> ServiceKey:
    if values["mark"]:
        return ServiceKey.of_mark(values["mark"], 6 if values["family"] == _FAMILIES[6] else 4)
    where = endpoint_of(values["address"])
    return ServiceKey(Protocol(values["protocol"]), where.address, where.port)


def _mask_of(text: str, key: ServiceKey) -> IPAddress | None:
    if not text:
        return None
    if key.address.version == 6 and ":" not in text:
        return IPAddress((1 << 128) - (1 << (128 - int(text))), 6)
    return IPAddress(text)


def destination_of(values: Json) -> Destination:
    where = endpoint_of(values["address"])
    return Destination(
        where.address,
        where.port,
        ForwardingMethod(values["method"]),
        values["weight"],
        values["upper"],
        values["lower"],
        Tunnel(
            TunnelType(values["tunnel"]), values["tunnel_port"], TunnelChecksum(values["tunnel_checksum"])
        ),
    )


def service_values(service: VirtualService) -> Json:
    """Write a service without its servers and its own idle times, which ipvsadm knows nothing of."""
    key, held = service.key, service.persistence
    name: Json = {"mark": key.mark, "family": _FAMILIES[key.address.version]}
    if not key.mark:
        name = {"protocol": key.protocol.value, "address": endpoint(key.address, key.port)}
    return {
        **name,
        "scheduler": service.scheduler.value,
        "flags": sorted(flag.value for flag in service.flags),
        "persistence": held.timeout if held is not None else 0,
        "persistence_mask": str(held.mask) if held is not None and held.mask is not None else "",
        "one_packet": service.one_packet,
    }


def destination_values(server: Destination) -> Json:
    return {
        "address": server.endpoint,
        "method": server.method.value,
        "weight": server.weight,
        "upper": server.upper,
        "lower": server.lower,
        "tunnel": server.tunnel.type.value,
        "tunnel_port": server.tunnel.port,
        "tunnel_checksum": server.tunnel.checksum.value,
    }


def daemon_of(values: Json) -> SyncDaemon:
    return SyncDaemon(
        SyncRole(values["role"]),
        values["interface"],
        values["syncid"],
        values["maxlen"],
        IPAddress(values["group"]),
        values["port"],
        values["ttl"],
    )


def daemon_values(daemon: SyncDaemon) -> Json:
    """Write a daemon; the kernel raises what is below its least length."""
    return {
        "interface": daemon.interface,
        "syncid": daemon.syncid,
        "maxlen": max(daemon.maxlen, LEAST_LENGTH) if daemon.maxlen else 0,
        "group": str(daemon.group),
        "port": daemon.port,
        "ttl": daemon.ttl,
    }


def listed_of(services: list[Json], stats: list[Json]) -> tuple[ListedService, ...]:
    """Put services and their numbers together; what has none yet has zeros."""
    numbers = {each["service"]: each for each in stats}
    return tuple(_listed(service, numbers.get(str(service.key))) for service in map(service_of, services))


def _listed(service: VirtualService, stats: Json | None) -> ListedService:
    if stats is None:
        return ListedService(service, tuple(map(ListedServer, service.destinations)))
    below = {each["destination"]: each for each in stats["destinations"]}
    servers = tuple(_listed_server(server, below.get(server.endpoint)) for server in service.destinations)
    return ListedService(service, servers, Counters(**stats["counters"]), Rates(**stats["rates"]))


def _listed_server(server: Destination, stats: Json | None) -> ListedServer:
    if stats is None:
        return ListedServer(server)
    return ListedServer(
        server,
        stats["active"],
        stats["inactive"],
        stats["persistent"],
        Counters(**stats["counters"]),
        Rates(**stats["rates"]),
    )
