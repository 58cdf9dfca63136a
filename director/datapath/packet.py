# SPDX-License-Identifier: Apache-2.0
"""The `packet` data path: packet sockets with mapped rings, C threads that forward without Python's lock.

Python makes it, hands it table images and interfaces, and reads its counters; it never sees a packet. What a
destination id stands for is asked of whoever gave it out, never kept here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError
from director.datapath.listing import Holder, entry_of, query_of
from director.model import Settings
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import Counters, ReasonCount, TableStatus, Verdict

VERDICTS = (Verdict.PASS, Verdict.DROP, Verdict.TRANSMIT)
Holders = Callable[[int], Holder | None]


def sets_for(connections: int) -> int:
    """Size the table for this many connections: twice the entries, in sets, as a power of two."""
    sets = int(-(-2 * connections // lib.LB_WAYS))
    return 1 << max(sets - 1, 1).bit_length()


def reasons() -> tuple[ReasonCount, ...]:
    """List every reason for which a packet can end, uncounted."""
    return tuple(_reason(number, 0) for number in range(lib.LB_REASON_COUNT))


class PacketDatapath:
    """A data path of `settings.workers` threads; `holders` tells whose a destination id is."""

    def __init__(self, settings: Settings, holders: Holders) -> None:
        self._holders = holders
        self._sets = sets_for(settings.connections)
        self._datapath = lib.lb_datapath_new(self._sets, settings.workers, secrets.randbits(64))
        if self._datapath == ffi.NULL:
            raise _failure(-ffi.errno, "no memory for the connection table")
        self._pool = lib.lb_pool_new(self._datapath, settings.workers)
        if self._pool == ffi.NULL:
            code = -ffi.errno
            lib.lb_datapath_free(self._datapath)
            raise _failure(code, "can not make the data path's workers")

    def start(self) -> None:
        """Begin to forward."""
        _check(lib.lb_pool_start(self._pool), "can not start the data path's threads")

    def stop(self) -> None:
        """End, close every ring and give the memory back. Nothing may be called after it."""
        lib.lb_pool_free(self._pool)
        lib.lb_datapath_free(self._datapath)
        self._pool = self._datapath = ffi.NULL

    def swap(self, image: bytes) -> None:
        """Put this table image in force, whole and at once."""
        _check(lib.lb_datapath_swap(self._datapath, image, len(image)), "table image refused")

    def apply_wrr(self, changes: tuple[tuple[int, int, int], ...]) -> None:
        """Carry out changes of destination lists on wrr cursors: (service id, gcd, max weight) each."""
        for service, gcd, highest in changes:
            lib.lb_datapath_wrr_changed(self._datapath, service, gcd, highest)

    def reset(self, services: tuple[int, ...], destinations: tuple[int, ...]) -> None:
        """Forget what was known of ids that are given out anew."""
        for service in services:
            lib.lb_datapath_reset_service(self._datapath, service)
        for destination in destinations:
            lib.lb_datapath_reset_dest(self._datapath, destination)

    def add_interface(self, index: int, filter_fd: int) -> None:
        """Forward what comes in on this interface and passes the socket filter."""
        _check(lib.lb_pool_add_interface(self._pool, index, filter_fd), f"no ring on interface {index}")

    def remove_interface(self, index: int) -> None:
        """Stop forwarding on this interface, which may be gone already."""
        lib.lb_pool_remove_interface(self._pool, index)

    def census(self) -> frozenset[int]:
        """Return the destination ids that live entries refer to."""
        seen = ffi.new("uint8_t[]", lib.LB_MAX_DESTS)
        lib.lb_conns_census(self._datapath, lib.lb_clock(), seen, len(seen))
        flags = bytes(ffi.buffer(seen))
        found, at = set(), flags.find(1)
        while at >= 0:
            found.add(at)
            at = flags.find(1, at + 1)
        return frozenset(found)

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
        return _counters(lib.lb_datapath_service_counters(self._datapath, service))

    def destination_counters(self, destination: int) -> Counters:
        return _counters(lib.lb_datapath_dest_counters(self._datapath, destination))

    def destination_connections(self, destination: int) -> tuple[int, int]:
        """Return the active and the inactive connections."""
        state = lib.lb_datapath_dest_state(self._datapath, destination)
        return state.active, state.inactive

    def reasons(self) -> tuple[ReasonCount, ...]:
        """Return every reason for which a packet can end, with its count."""
        count = lib.lb_datapath_reason_count
        return tuple(_reason(n, count(self._datapath, n)) for n in range(lib.LB_REASON_COUNT))

    def table(self) -> TableStatus:
        """Return how many connections there is room for, and how many there are. Walks the whole table."""
        everything = ffi.new("struct lb_conn_query *")
        used = lib.lb_conns_count(self._datapath, everything, lib.lb_clock())
        return TableStatus(capacity=self._sets * lib.LB_WAYS, used=used)

    def ring_drops(self) -> int:
        """Return how many frames were lost because a ring was full."""
        return int(lib.lb_pool_ring_drops(self._pool))


def _reason(number: int, count: int) -> ReasonCount:
    name = ffi.string(lib.lb_reason_name(number)).decode().lower()
    sentence = ffi.string(lib.lb_reason_text(number)).decode()
    return ReasonCount(VERDICTS[lib.lb_reason_verdict(number)], name, sentence, count)


def _counters(raw: Any) -> Counters:
    return Counters(raw.connections, raw.packets_in, raw.bytes_in, raw.packets_out, raw.bytes_out)


def _check(code: int, what: str) -> None:
    if code < 0:
        raise _failure(code, what)


def _failure(code: int, what: str) -> DatapathError:
    return DatapathError(-code, f"{what}: {os.strerror(-code)}")
