# SPDX-License-Identifier: Apache-2.0
"""What every host of the C packet path has: a `struct lb_datapath`, the engine that steers it, and its lists.

How a frame gets into it and out of it again is each host's own (user_host.py, ebpf_host.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import IPAddress

from director.commands import EndConnections, SwapTables
from director.datapath.listing import destination_port, state_of, virtual_port
from director.model import Protocol, ServiceKey
from director.model.service import endpoint
from tests.packets.case import Answer, Arrival, Counts, DestinationCounts, Entry, State, Verdict
from tests.packets.network import Setting
from tests.packets.steering import Steering, TableOrder

SETS = 1 << 10
SEED = 0x0123456789ABCDEF
VERDICTS = (Verdict.PASS, Verdict.DROP, Verdict.TRANSMIT)


class TableHost(ABC):
    """A host over these tables; `epoch` is the data path's time, in milliseconds, when the host's is 0."""

    def __init__(self, datapath: Any, epoch: int) -> None:
        assert datapath != ffi.NULL
        self._datapath = datapath
        self._epoch = epoch
        self._steering = Steering()
        self._now = epoch

    def apply(self, setting: Setting) -> None:
        for order in self._steering.orders(setting):
            self._obey(order)

    @abstractmethod
    def handle(self, arrival: Arrival, now: int) -> Answer: ...

    @abstractmethod
    def _put_in_force(self, image: bytes) -> None: ...

    def sweep(self, now: int) -> None:
        self._now = now + self._epoch
        lib.lb_datapath_sweep(self._datapath, self._now)

    def connections(self, now: int) -> frozenset[Entry]:
        self._now = now + self._epoch
        found = ffi.new("struct lb_conn[]", 64)
        cursor = ffi.new("uint32_t *")
        query = ffi.new("struct lb_conn_query *")
        many = lib.lb_conns_select(self._datapath, query, self._now, cursor, found, len(found))
        assert cursor[0] == 0, "more connections than a case has"
        return frozenset(self._entry(found[i]) for i in range(many))

    def service_counts(self, service: str) -> Counts:
        number = self._steering.engine.service_id(key_of(service))
        assert number is not None
        return counts(lib.lb_datapath_service_counters(self._datapath, number))

    def destination_counts(self, service: str, destination: str) -> DestinationCounts:
        lib.lb_datapath_sweep(self._datapath, self._now)
        number = self._steering.engine.destination_id(key_of(service), *parted(destination))
        assert number is not None
        state = lib.lb_datapath_dest_state(self._datapath, number)
        counters = lib.lb_datapath_dest_counters(self._datapath, number)
        return DestinationCounts(counts(counters), state.active, state.inactive, state.persistent)

    def reason_counts(self) -> dict[str, int]:
        """Return how many frames ended for each reason."""
        numbers = range(lib.LB_REASON_COUNT)
        return {self._reason(n): lib.lb_datapath_reason_count(self._datapath, n) for n in numbers}

    def _reason(self, number: int) -> str:
        name: bytes = ffi.string(lib.lb_reason_name(number))
        return name.decode().lower()

    def _obey(self, order: TableOrder) -> None:
        if isinstance(order, SwapTables):
            self._put_in_force(order.image)
            for service, gcd, most in order.wrr_changes:
                lib.lb_datapath_wrr_changed(self._datapath, service, gcd, most)
            return
        if isinstance(order, EndConnections):
            self._end(order.destinations)
            return
        for number in order.services:
            lib.lb_datapath_reset_service(self._datapath, number)
        for number in order.destinations:
            lib.lb_datapath_reset_dest(self._datapath, number)

    def _end(self, destinations: tuple[int, ...]) -> None:
        wanted = ffi.new("uint8_t[]", lib.LB_MAX_DESTS)
        for number in destinations:
            wanted[number] = 1
        query = ffi.new("struct lb_conn_query *", {"dests": len(wanted), "dest_wanted": wanted})
        lib.lb_conns_end(self._datapath, query, self._now)

    def _entry(self, conn: Any) -> Entry:
        holder = self._steering.engine.destination_of(conn.dest)
        assert holder is not None
        key, destination = holder
        return Entry(
            protocol=conn.protocol,
            client=endpoint(address_of(conn.caddr, conn.kin), swapped(conn.cport)),
            virtual=endpoint(address_of(conn.vaddr, conn.kin), virtual_port(conn)),
            destination=endpoint(destination.address, destination_port(conn, key, destination)),
            state=State(state_of(conn).value),
            expires=round((conn.expires - self._now) / 1000),
        )


def address_of(address: Any, kin: int) -> IPAddress:
    """Read a struct lb_addr, whose family the lower four bits of `kin` say."""
    raw = bytes(ffi.buffer(ffi.addressof(address)))
    if kin & 15 == 4:
        return IPAddress(int.from_bytes(raw[:4], "big"), 4)
    return IPAddress(int.from_bytes(raw, "big"), 6)


def counts(counters: Any) -> Counts:
    return Counts(
        connections=counters.connections,
        packets_in=counters.packets_in,
        packets_out=counters.packets_out,
        bytes_in=counters.bytes_in,
        bytes_out=counters.bytes_out,
    )


def key_of(service: str) -> ServiceKey:
    protocol, _, where = service.partition(":")
    if protocol in ("mark", "mark6"):
        return ServiceKey.of_mark(int(where), 6 if protocol == "mark6" else 4)
    address, port = parted(where)
    return ServiceKey(Protocol(protocol), address, port)


def parted(where: str) -> tuple[IPAddress, int]:
    """Read `10.0.0.11:80` or `[fd00::11]:80`."""
    address, _, port = where.rpartition(":")
    return IPAddress(address.strip("[]")), int(port)


def swapped(port: int) -> int:
    """Read a port that stands in network order in a little-endian integer."""
    return int.from_bytes(port.to_bytes(2, "little"), "big")
