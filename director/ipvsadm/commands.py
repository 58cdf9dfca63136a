# SPDX-License-Identifier: Apache-2.0
"""What a command line asks for, as frozen values. The grammar makes them, `carrying.py` does them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from director.model.connection import Endpoint
from director.model.service import Destination, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole


class View(Enum):
    """What a listing shows of each service and server."""

    SCHEDULERS = "schedulers"
    STATS = "stats"
    RATES = "rates"
    THRESHOLDS = "thresholds"
    PERSISTENT = "persistent"
    TUNNELS = "tunnels"


class Numbers(Enum):
    """How large numbers are written."""

    SHORT = "short"
    EXACT = "exact"


class Writing(Enum):
    """Whether addresses and ports are written as numbers or by their names."""

    NUMERIC = "numeric"
    NAMED = "named"


class Order(Enum):
    """The order of a listing."""

    SORTED = "sorted"
    AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class AddService:
    """`unknown`: its scheduler or persistence engine is none that there is."""

    service: VirtualService
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class EditService:
    service: VirtualService
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class DeleteService:
    key: ServiceKey


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class AddServer:
    key: ServiceKey
    server: Destination


@dataclass(frozen=True, slots=True)
class EditServer:
    key: ServiceKey
    server: Destination


@dataclass(frozen=True, slots=True)
class DeleteServer:
    key: ServiceKey
    where: Endpoint


@dataclass(frozen=True, slots=True)
class SetTimeouts:
    """Seconds; 0 keeps what is in force."""

    tcp: int
    tcp_fin: int
    udp: int


@dataclass(frozen=True, slots=True)
class ListTable:
    """List all services, or one."""

    key: ServiceKey | None = None
    view: View = View.SCHEDULERS
    writing: Writing = Writing.NAMED
    numbers: Numbers = Numbers.SHORT
    order: Order = Order.SORTED


@dataclass(frozen=True, slots=True)
class ListConnections:
    """`engines`: with the columns of the persistence engines, which are empty here."""

    writing: Writing = Writing.NAMED
    engines: bool = False


@dataclass(frozen=True, slots=True)
class ListTimeouts:
    pass


@dataclass(frozen=True, slots=True)
class ListDaemons:
    pass


@dataclass(frozen=True, slots=True)
class Zero:
    """Zero the counters of one service, or of all."""

    key: ServiceKey | None = None


@dataclass(frozen=True, slots=True)
class Save:
    writing: Writing


@dataclass(frozen=True, slots=True)
class Restore:
    pass


@dataclass(frozen=True, slots=True)
class StartDaemon:
    daemon: SyncDaemon


@dataclass(frozen=True, slots=True)
class StopDaemon:
    role: SyncRole


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Version:
    pass


Edit = AddService | EditService | DeleteService | Clear | AddServer | EditServer | DeleteServer | SetTimeouts
"""A change of the configuration: a restore makes all of its edits as one."""

Action = (
    ListTable | ListConnections | ListTimeouts | ListDaemons | Zero | Save | Restore | StartDaemon
    | StopDaemon | Help | Version
)  # fmt: skip
Command = Edit | Action
