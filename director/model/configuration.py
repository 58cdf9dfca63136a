# SPDX-License-Identifier: Apache-2.0
"""The whole of what an operator can ask for, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from netaddr import IPAddress

from director.model.service import MarkRule, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole


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
    sctp_none: int = 2
    sctp_init1: int = 4
    sctp_init: int = 61
    sctp_cookie_sent: int = 61
    sctp_cookie_replied: int = 61
    sctp_cookie_wait: int = 61
    sctp_cookie: int = 61
    sctp_cookie_echoed: int = 61
    sctp_established: int = 900
    sctp_shutdown_sent: int = 61
    sctp_shutdown_received: int = 61
    sctp_shutdown_ack_sent: int = 61
    sctp_rejected: int = 4
    sctp_closed: int = 61


@dataclass(frozen=True, slots=True)
class Tunables:
    """Behaviour switches under their kernel names (net.ipv4.vs.*), and the limit on our own ICMP errors.

    `lblc_expiration` and `lblcr_expiration` are in seconds, `amemthresh` in pages of 4 KiB. `sync_threshold`
    and `sync_period` are the two numbers of the kernel's sync_threshold.
    """

    conn_reuse_mode: int = 1
    expire_nodest_conn: int = 0
    expire_quiescent_template: int = 0
    sloppy_tcp: int = 0
    sloppy_sctp: int = 0
    drop_entry: int = 0
    drop_packet: int = 0
    secure_tcp: int = 0
    am_droprate: int = 10
    amemthresh: int = 1024
    nat_icmp_send: int = 0
    pmtu_disc: int = 1
    schedule_icmp: int = 0
    lblc_expiration: int = 86400
    lblcr_expiration: int = 86400
    sync_version: int = 1
    sync_threshold: int = 3
    sync_period: int = 50
    sync_refresh_period: int = 0
    sync_retries: int = 0
    sync_ports: int = 1
    sync_persist_mode: int = 0
    sync_qlen_max: int = 0
    sync_sock_size: int = 0
    backup_only: int = 0
    icmp_msgs_per_sec: int = 1000


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the director was told; services in the order they were added.

    A packet that several mark rules fit has the mark of the first. `sync` has at most one daemon of a role,
    the master first.
    """

    services: tuple[VirtualService, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    tunables: Tunables = field(default_factory=Tunables)
    settings: Settings = field(default_factory=Settings)
    marks: tuple[MarkRule, ...] = ()
    sync: tuple[SyncDaemon, ...] = ()

    @property
    def vips(self) -> frozenset[IPAddress]:
        """Return the services' addresses, and single ones to which a rule gives the mark of a service."""
        marks = {(service.key.mark, service.key.address.version) for service in self.services}
        marked = (each for each in self.marks if (each.mark, each.network.version) in marks)
        return frozenset(
            (
                *(service.key.address for service in self.services if not service.key.mark),
                *(each.network.ip for each in marked if each.network.size == 1),
            )
        )

    def timeouts_of(self, service: VirtualService) -> Timeouts:
        """Return the idle times of a service: its own, and for the rest those of all."""
        return replace(self.timeouts, **dict(service.timeouts))

    def service(self, key: ServiceKey) -> VirtualService | None:
        """Find the service with this key."""
        return next((s for s in self.services if s.key == key), None)

    def sync_daemon(self, role: SyncRole) -> SyncDaemon | None:
        """Find the synchronisation daemon of this role."""
        return next((daemon for daemon in self.sync if daemon.role is role), None)
