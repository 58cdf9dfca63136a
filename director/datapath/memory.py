# SPDX-License-Identifier: Apache-2.0
"""What a data path remembers, whoever forwards by it: connections, counters, cursors, reasons.

Works on a C `struct lb_datapath`, whose tables may be plain memory or eBPF maps; which, and who frees it, is
not known here. What a destination id stands for is asked of whoever gave it out, never kept here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from operator import truediv
from typing import Any

from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError
from director.datapath.listing import Holder, entry_of, query_of
from director.datapath.synchronising import SyncTable
from director.defence import Defence
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, Rates, ReasonCount, TableStatus, Verdict
from director.stats import PER_SECOND

VERDICTS = (Verdict.PASS, Verdict.DROP, Verdict.TRANSMIT)
Holders = Callable[[int], Holder | None]


def sets_for(connections: int) -> int:
    """Size the table for this many connections: twice the entries, in sets, as a power of two."""
    sets = int(-(-2 * connections // lib.LB_WAYS))
    return 1 << max(sets - 1, 1).bit_length()


def reasons() -> tuple[ReasonCount, ...]:
    """List every reason for which a packet can end, uncounted."""
    return tuple(_reason(number, 0) for number in range(lib.LB_REASON_COUNT))


class Memory:
    """The tables of a data path with this many sets of connections; `holders` tells whose an id is."""

    def __init__(self, datapath: Any, sets: int, holders: Holders) -> None:
        self._datapath = datapath
        self._sets = sets
        self._holders = holders
        self._service_zeros: dict[int, Counters] = {}
        self._destination_zeros: dict[int, Counters] = {}
        self._rates = ffi.gc(lib.lb_rates_new(), lib.lb_rates_free)
        if self._rates == ffi.NULL:
            raise MemoryError

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None:
        """Carry out changes of destination lists on wrr cursors: (service id, gcd, max weight) each."""
        for service, gcd, highest in changes:
            lib.lb_datapath_wrr_changed(self._datapath, service, gcd, highest)

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None:
        """Forget what was known of ids that are given out anew."""
        for service in services:
            lib.lb_datapath_reset_service(self._datapath, service)
            lib.lb_rates_begin_service(self._rates, self._datapath, service)
            self._service_zeros.pop(service, None)
        for destination in destinations:
            lib.lb_datapath_reset_dest(self._datapath, destination)
            lib.lb_rates_begin_dest(self._rates, self._datapath, destination)
            self._destination_zeros.pop(destination, None)

    def end(self, destinations: Iterable[int]) -> int:
        """End the connections to these destinations, and their templates; return how many. O(table)."""
        wanted = ffi.new("uint8_t[]", lib.LB_MAX_DESTS)
        for number in destinations:
            wanted[number] = 1
        query = ffi.new("struct lb_conn_query *", {"dests": len(wanted), "dest_wanted": wanted})
        return int(lib.lb_conns_end(self._datapath, query, lib.lb_clock()))

    def zero(self, services: Iterable[int], destinations: Iterable[int]) -> None:
        """Let counters and rates of these ids begin at 0 now. The workers' counters go on: what they had is
        remembered here.
        """
        for service in services:
            self._service_zeros[service] = _counters(
                lib.lb_datapath_service_counters(self._datapath, service)
            )
            lib.lb_rates_begin_service(self._rates, self._datapath, service)
        for destination in destinations:
            self._destination_zeros[destination] = _counters(
                lib.lb_datapath_dest_counters(self._datapath, destination)
            )
            lib.lb_rates_begin_dest(self._rates, self._datapath, destination)

    def tick(self, services: int, destinations: int) -> None:
        """Take the readings for the rates, of the ids below these; due every `stats.TICK_SECONDS`."""
        lib.lb_rates_tick(self._rates, self._datapath, services, destinations)

    def defend(self, defence: Defence) -> int:
        """Carry out what is decided each second; return how many connections ended for it."""
        chance = int.from_bytes(os.urandom(8), "little")
        return int(
            lib.lb_datapath_defend(
                self._datapath, defence.rate, defence.drops_entries, lib.lb_clock(), chance
            )
        )

    def census(self) -> frozenset[int]:
        """Return the destination ids that live entries refer to."""
        return referred_by(self._datapath)

    def connections(self, query: ConnectionQuery) -> ConnectionPage:
        """List the connections that the query asks for, in table order. Walks the whole table."""
        wanted = query_of(query, self._holders)
        now = lib.lb_clock()
        total = lib.lb_conns_count(self._datapath, wanted.raw, now)
        if query.limit == 0:
            return ConnectionPage((), total)
        copies = ffi.new("struct lb_conn[]", query.limit)
        cursor = ffi.new("uint32_t *", query.cursor)
        count = lib.lb_conns_select(self._datapath, wanted.raw, now, cursor, copies, query.limit)
        entries = (entry_of(copies[i], self._holders, now) for i in range(count))
        return ConnectionPage(tuple(e for e in entries if e is not None), total, cursor[0] or None)

    def service_counters(self, service: int) -> Counters:
        counted = _counters(lib.lb_datapath_service_counters(self._datapath, service))
        return _since(counted, self._service_zeros.get(service))

    def destination_counters(self, destination: int) -> Counters:
        counted = _counters(lib.lb_datapath_dest_counters(self._datapath, destination))
        return _since(counted, self._destination_zeros.get(destination))

    def service_rates(self, service: int) -> Rates:
        return _rates(lib.lb_rates_service(self._rates, service))

    def destination_rates(self, destination: int) -> Rates:
        return _rates(lib.lb_rates_dest(self._rates, destination))

    def destination_connections(self, destination: int) -> tuple[int, int, int]:
        """Return the active and the inactive connections, and the persistence templates."""
        state = lib.lb_datapath_dest_state(self._datapath, destination)
        return state.active, state.inactive, state.persistent

    def synchronising(self) -> SyncTable:
        """Return the connection table as other directors are told of it and tell of it."""
        return SyncTable(lambda: self._datapath, self._sets)

    def reasons(self) -> tuple[ReasonCount, ...]:
        """Return every reason for which a packet can end, with its count."""
        count = lib.lb_datapath_reason_count
        return tuple(_reason(n, count(self._datapath, n)) for n in range(lib.LB_REASON_COUNT))

    def table(self) -> TableStatus:
        """Return how many entries there is room for, and how many there are. Walks the whole table, twice."""
        now = lib.lb_clock()
        used, flows = (
            lib.lb_conns_count(self._datapath, ffi.new("struct lb_conn_query *", {"flows_only": only}), now)
            for only in (0, 1)
        )
        return TableStatus(capacity=self._sets * lib.LB_WAYS, used=used, templates=max(used - flows, 0))


def referred_by(datapath: Any) -> frozenset[int]:
    """Return the destination ids that a data path's live entries refer to."""
    seen = ffi.new("uint8_t[]", lib.LB_MAX_DESTS)
    lib.lb_conns_census(datapath, lib.lb_clock(), seen, len(seen))
    flags = bytes(ffi.buffer(seen))
    found, at = set(), flags.find(1)
    while at >= 0:
        found.add(at)
        at = flags.find(1, at + 1)
    return frozenset(found)


def _reason(number: int, count: int) -> ReasonCount:
    name = ffi.string(lib.lb_reason_name(number)).decode().lower()
    sentence = ffi.string(lib.lb_reason_text(number)).decode()
    return ReasonCount(VERDICTS[lib.lb_reason_verdict(number)], name, sentence, count)


def _counters(raw: Any) -> Counters:
    return Counters(raw.connections, raw.packets_in, raw.bytes_in, raw.packets_out, raw.bytes_out)


def _since(counted: Counters, zero: Counters | None) -> Counters:
    return counted if zero is None else counted - zero


def _rates(raw: Any) -> Rates:
    return Rates(*map(truediv, raw.scaled, PER_SECOND))


def check(code: int, what: str) -> None:
    if code < 0:
        raise failure(code, what)


def failure(code: int, what: str) -> DatapathError:
    return DatapathError(-code, f"{what}: {os.strerror(-code)}")
