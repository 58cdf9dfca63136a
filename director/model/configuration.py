# SPDX-License-Identifier: Apache-2.0
"""The whole of what an operator can ask for, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from director.model.service import ServiceKey, VirtualService


class DatapathKind(Enum):
    """Which code carries the packets; AUTO takes the best that the host offers."""

    AUTO = "auto"
    PACKET = "packet"
    TC = "tc"
    XDP = "xdp"


@dataclass(frozen=True, slots=True)
class Carriage:
    """What carries an interface's packets, and why; never AUTO. `doubt` is what may go wrong with it."""

    datapath: DatapathKind
    why: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is fixed when the director starts; a change needs a restart.

    `interfaces` empty means every Ethernet interface that is up. `connections` is how many connections
    the table is sized for. `bind_vips` lets the director hold each VIP as a /32 (or /128) while it runs.
    """

    datapath: DatapathKind = DatapathKind.AUTO
    interfaces: tuple[str, ...] = ()
    workers: int = 1
    connections: int = 1_000_000
    bind_vips: bool = True


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an idle connection entry lives in each state, in seconds; the defaults are kernel IPVS's."""

    tcp_none: int = 2
    tcp_established: int = 900
    tcp_syn_sent: int = 120
    tcp_syn_recv: int = 60
    tcp_fin_wait: int = 120
    tcp_time_wait: int = 120
    tcp_close: int = 10
    tcp_close_wait: int = 60
    tcp_last_ack: int = 30
    tcp_listen: int = 120
    tcp_synack: int = 120
    udp: int = 300


@dataclass(frozen=True, slots=True)
class Tunables:
    """Behaviour switches under their kernel names (net.ipv4.vs.*), and the limit on our own ICMP errors."""

    conn_reuse_mode: int = 1
    expire_nodest_conn: int = 0
    sloppy_tcp: int = 0
    icmp_msgs_per_sec: int = 1000


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the director was told; services in the order they were added."""

    services: tuple[VirtualService, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    tunables: Tunables = field(default_factory=Tunables)
    settings: Settings = field(default_factory=Settings)

    def service(self, key: ServiceKey) -> VirtualService | None:
        """Find the service with this key."""
        return next((s for s in self.services if s.key == key), None)
