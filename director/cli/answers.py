# SPDX-License-Identifier: Apache-2.0
"""The control API's answers as the client gets them: plain JSON, typed.

The models that make these answers are in `control/`, and are slow to import; a test holds the two together.
"""

from __future__ import annotations

from typing import TypedDict


class Destination(TypedDict):
    address: str
    method: str
    weight: int
    upper: int
    lower: int
    tunnel: str
    tunnel_port: int
    tunnel_checksum: str


class Mark(TypedDict):
    mark: int
    network: str
    protocol: str
    ports: str


class Service(TypedDict):
    protocol: str | None
    address: str | None
    mark: int
    family: str
    scheduler: str
    flags: list[str]
    persistence: int
    persistence_mask: str
    one_packet: bool
    timeouts: dict[str, int]
    destination: list[Destination]


class Change(TypedDict):
    kind: str
    text: str
    needs_restart: bool


class Connection(TypedDict):
    protocol: str
    client: str
    virtual: str
    destination: str
    method: str
    state: str
    expires_in: float
    packets: int
    template: bool


class Connections(TypedDict):
    connections: list[Connection]
    total: int
    next_cursor: int | None


class Counters(TypedDict):
    connections: int
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int


class Rates(TypedDict):
    connections: float
    packets_in: float
    bytes_in: float
    packets_out: float
    bytes_out: float


class DestinationStats(TypedDict):
    destination: str
    method: str
    weight: int
    active: int
    inactive: int
    persistent: int
    counters: Counters
    rates: Rates


class ServiceStats(TypedDict):
    service: str
    active: int
    inactive: int
    counters: Counters
    rates: Rates
    destinations: list[DestinationStats]


class Reason(TypedDict):
    verdict: str
    reason: str
    sentence: str
    count: int


class Interface(TypedDict):
    name: str
    datapath: str
    why: str
    mac: str | None
    mtu: int


class NextHop(TypedDict):
    destination: str
    state: str
    interface: str | None
    via: str | None
    mac: str | None


class Table(TypedDict):
    capacity: int
    used: int
    templates: int


class Keeping(TypedDict):
    since: str
    taken_over: bool
    kept: str | None
    why_not: str


class Status(TypedDict):
    version: str
    pid: int
    started: str
    uptime: float
    interfaces: list[Interface]
    workers: int
    table: Table
    keeping: Keeping
    generation: int
    frames_lost: int
    next_hops: list[NextHop]
    addresses: list[str]


class SyncDaemon(TypedDict):
    role: str
    interface: str
    syncid: int
    maxlen: int
    group: str
    port: int
    ttl: int
    why_not: str | None
    datagrams: int
    entries: int
    dropped: int
    unknown: int
    waiting: int
