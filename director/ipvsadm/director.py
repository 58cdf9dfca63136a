# SPDX-License-Identifier: Apache-2.0
"""The running director as ipvsadm needs it: edits, listings, and refusals in kernel IPVS's words.

It asks the control API and decides nothing. What kernel IPVS would not have refused keeps our own sentence.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from netaddr import IPAddress

from director.control.client import Client, ControlError, RefusedError, UnreachableError, service_path
from director.ipvsadm.commands import (
    AddServer,
    AddService,
    Clear,
    DeleteServer,
    DeleteService,
    Edit,
    EditServer,
    EditService,
    SetTimeouts,
)
from director.ipvsadm.errors import RefusalError, Status
from director.ipvsadm.wire import (
    Json,
    ListedService,
    daemon_of,
    daemon_values,
    destination_values,
    listed_of,
    service_values,
)
from director.model.service import ServiceKey
from director.model.sync import SyncDaemon, SyncRole

NO_SERVICE = "No such service"
NOT_DEFINED = "Service not defined"
OUT_OF_RANGE = "Numerical result out of range"
UNKNOWN = "Scheduler or persistence engine not found"
INVALID = "Invalid operation.  Possibly wrong module version, address not unicast, ..."
UNREACHABLE = "Can't initialize ipvs: {}\nAre you sure that the director is running here?"
PAGE = 50_000

_WORDS = (
    ("service already exists:", "Service already exists"),
    ("destination already exists:", "Destination already exists"),
    ("no such destination:", "No such destination"),
)
_OF_SERVERS = (AddServer, EditServer, DeleteServer)
_OF_SERVICES = (AddService, EditService)
_PLACE = re.compile(r"edits\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class Listed:
    """Services with their numbers; `size` is how many connections the table is made for, 0 if not asked."""

    services: tuple[ListedService, ...]
    size: int = 0


class EditRefusedError(RefusalError):
    """One of several edits is refused, and none is done; `index` says which."""

    def __init__(self, words: str, index: int) -> None:
        super().__init__(words)
        self.index = index


def is_interface(name: str) -> bool:
    """Tell whether this host has an interface of this name."""
    try:
        return bool(name) and socket.if_nametoindex(name) > 0
    except (OSError, ValueError):  # ValueError: a NUL
        return False


class Director:
    """Asks one director; every failure is an IpvsadmError."""

    def __init__(self, client: Client, is_interface: Callable[[str], bool] = is_interface) -> None:
        self._client = client
        self._is_interface = is_interface

    def edit(self, edits: Sequence[Edit]) -> None:
        """Do all edits, or none and raise EditRefusedError."""
        for index, each in enumerate(edits):
            self._refuse_early(each, index, alone=len(edits) == 1)
        try:
            self._ask("post", "/v1/edits", {"edits": [_values(each) for each in edits]})
        except RefusedError as refused:
            raise _refusal(refused, edits) from None

    def services(self) -> Listed:
        """Return all services with their numbers."""
        configuration = self._ask("get", "/v1/config")
        stats = self._ask("get", "/v1/stats")["services"]
        return Listed(listed_of(configuration["service"], stats), configuration["director"]["connections"])

    def service(self, key: ServiceKey) -> Listed:
        """Return one service with its numbers, or raise RefusalError."""
        try:
            service = self._ask("get", service_path(str(key)))
            stats = self._ask("get", "/v1/stats", service=str(key))
        except RefusedError as refused:
            words = NO_SERVICE if refused.status == HTTPStatus.NOT_FOUND else str(refused)
            raise RefusalError(words, Status.NOT_LISTED) from None
        return Listed(listed_of([service], stats["services"]))

    def timeouts(self) -> tuple[int, int, int]:
        """Return the idle times that `--set` sets."""
        times = self._ask("get", "/v1/timeouts")
        return times["tcp_established"], times["tcp_fin_wait"], times["udp"]

    def connections(self) -> Iterator[Json]:
        """List all connections and templates, page by page."""
        cursor = 0
        while True:
            page = self._ask("get", "/v1/connections", templates="true", limit=str(PAGE), cursor=str(cursor))
            yield from page["connections"]
            if page["next_cursor"] is None:
                return
            cursor = page["next_cursor"]

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service or of all."""
        query = {} if key is None else {"service": str(key)}
        try:
            self._ask("post", "/v1/stats/zero", **query)
        except RefusedError as refused:
            words = NO_SERVICE if refused.status == HTTPStatus.NOT_FOUND else str(refused)
            raise RefusalError(words) from None

    def daemons(self) -> tuple[SyncDaemon, ...]:
        """List the synchronisation daemons that were asked for, the master first."""
        try:
            shown = self._ask("get", "/v1/sync")["sync"]
        except RefusedError:  # a director without synchronisation has none
            return ()
        found = sorted(shown, key=lambda each: each["role"] != SyncRole.MASTER.value)
        return tuple(map(daemon_of, found))

    def start_daemon(self, daemon: SyncDaemon) -> None:
        """Begin to synchronise connections, or raise RefusalError."""
        if daemon.role in {each.role for each in self.daemons()}:
            raise RefusalError("Daemon has already run")
        if not self._is_interface(daemon.interface):
            raise RefusalError("No such device")
        try:
            self._ask("put", f"/v1/sync/{daemon.role.value}", daemon_values(daemon))
        except RefusedError as refused:
            raise RefusalError(str(refused)) from None

    def stop_daemon(self, role: SyncRole) -> None:
        """End it, or raise RefusalError."""
        try:
            self._ask("delete", f"/v1/sync/{role.value}")
        except RefusedError as refused:
            missing = refused.status == HTTPStatus.NOT_FOUND
            raise RefusalError("No daemon is running" if missing else str(refused)) from None

    def _refuse_early(self, each: Edit, index: int, *, alone: bool) -> None:
        """Refuse what the API could not be asked for, a missing service first."""
        if isinstance(each, _OF_SERVICES) and each.unknown:
            exists = alone and self._has(each.service.key)
            if isinstance(each, AddService) and exists:
                raise EditRefusedError("Service already exists", index)
            raise EditRefusedError(
                NO_SERVICE if isinstance(each, EditService) and not exists else UNKNOWN, index
            )
        if isinstance(each, AddServer) and not is_unicast(each.server.address):
            if alone and not self._has(each.key):
                raise EditRefusedError(NOT_DEFINED, index)
            raise EditRefusedError(OUT_OF_RANGE if each.server.lower > each.server.upper else INVALID, index)

    def _has(self, key: ServiceKey) -> bool:
        try:
            self._ask("get", service_path(str(key)))
        except RefusedError:
            return False
        return True

    def _ask(self, method: str, path: str, *values: Any, **query: str) -> Any:
        try:
            return getattr(self._client, method)(path, *values, **query)
        except RefusedError:
            raise
        except UnreachableError as error:
            raise RefusalError(UNREACHABLE.format(error), Status.USAGE) from None
        except ControlError as error:
            raise RefusalError(str(error), Status.USAGE) from None


def is_unicast(address: IPAddress) -> bool:
    """Tell whether kernel IPVS takes the address for a server's; the host's own are among those."""
    if address.version == 6:
        return not (address.is_multicast() or address.is_link_local() or int(address) == 0)
    first = int(address) >> 24
    return first != 0 and first < 224


def _values(each: Edit) -> Json:
    """Write an edit as the API takes it."""
    match each:
        case AddService(service) | EditService(service):
            verb = "add" if isinstance(each, AddService) else "replace"
            return {"do": f"{verb}-service", "service": service_values(service)}
        case DeleteService(key):
            return {"do": "delete-service", "service": str(key)}
        case AddServer(key, server) | EditServer(key, server):
            verb = "add" if isinstance(each, AddServer) else "replace"
            return {
                "do": f"{verb}-destination",
                "service": str(key),
                "destination": destination_values(server),
            }
        case DeleteServer(key, where):
            return {"do": "delete-destination", "service": str(key), "destination": str(where)}
        case Clear():
            return {"do": "clear"}
        case SetTimeouts():
            return {"do": "set-timeouts", "timeouts": _times(each)}


def _times(each: SetTimeouts) -> Json:
    given = {"tcp_established": each.tcp, "tcp_fin_wait": each.tcp_fin, "udp": each.udp}
    return {name: value for name, value in given.items() if value}


def _refusal(refused: RefusedError, edits: Sequence[Edit]) -> RefusalError:
    """Say in the kernel's words, where it has some, which edit was refused and why."""
    fault = refused.faults[0]
    place = _PLACE.match(fault.key)
    if place is None:
        return RefusalError(str(refused))
    index = int(place[1])
    return EditRefusedError(_words(fault.message, fault.key[place.end() :], edits[index]), index)


def _words(message: str, key: str, each: Edit) -> str:
    is_of_server = isinstance(each, _OF_SERVERS)
    if isinstance(each, AddServer | EditServer) and each.server.lower > each.server.upper:
        return NOT_DEFINED if message.startswith("no such service:") else OUT_OF_RANGE
    if message.startswith("no such service:"):
        return NOT_DEFINED if is_of_server else NO_SERVICE
    known = (words for beginning, words in _WORDS if message.startswith(beginning))
    field = key.removeprefix("service.").removeprefix("destination.")
    return next(known, f"{field}: {message}" if field else message)
