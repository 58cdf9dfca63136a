# SPDX-License-Identifier: Apache-2.0
"""The C data path in user space as a host: `_native`, one frame at a time, on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import IPAddress

from director.commands import SwapTables
from director.model import Protocol, ServiceKey
from tests.packets.case import (
    WHOLE,
    Answer,
    Arrival,
    Counts,
    Departure,
    DestinationCounts,
    Entry,
    Offload,
    Segmentation,
    State,
    Verdict,
)
from tests.packets.network import Setting
from tests.packets.steering import Steering

SETS = 1 << 10
SEED = 0x0123456789ABCDEF
NEEDS_CHECKSUM = 1
ROOM = 1 << 18
STATES = tuple(State)
VERDICTS = (Verdict.PASS, Verdict.DROP, Verdict.TRANSMIT)


class UserHost:
    """A data path of its own for each case."""

    def __init__(self) -> None:
        self._datapath = ffi.gc(lib.lb_datapath_new(SETS, 1, SEED), lib.lb_datapath_free, size=1 << 26)
        assert self._datapath != ffi.NULL
        self._answer = ffi.new("struct lb_test_answer *")
        self._out = ffi.new("uint8_t[]", ROOM)
        self._steering = Steering()
        self._now = 0

    def apply(self, setting: Setting) -> None:
        for swap in self._steering.swaps(setting):
            self._swap(swap)

    def handle(self, arrival: Arrival, now: int) -> Answer:
        self._now = now
        data = ffi.from_buffer("uint8_t[]", arrival.frame)
        frame = ffi.new("struct lb_test_frame *", frame_fields(arrival, data))
        done = lib.lb_datapath_try(self._datapath, 0, frame, now, self._out, ROOM, self._answer)
        assert done == 0, f"lb_datapath_try: {done}"
        return Answer(
            verdict=VERDICTS[self._answer.verdict],
            reason=self._reason(self._answer.reason),
            interface=self._answer.ifindex,
            frames=tuple(self._departures()),
        )

    def sweep(self, now: int) -> None:
        self._now = now
        lib.lb_datapath_sweep(self._datapath, now)

    def connections(self, now: int) -> frozenset[Entry]:
        self._now = now
        found = ffi.new("struct lb_conn[]", 64)
        cursor = ffi.new("uint32_t *")
        query = ffi.new("struct lb_conn_query *")
        many = lib.lb_conns_select(self._datapath, query, now, cursor, found, len(found))
        assert cursor[0] == 0, "more connections than a case has"
        return frozenset(self._entry(found[i], now) for i in range(many))

    def service_counts(self, service: str) -> Counts:
        number = self._steering.engine.service_id(key_of(service))
        assert number is not None
        return counts(lib.lb_datapath_service_counters(self._datapath, number))

    def destination_counts(self, service: str, destination: str) -> DestinationCounts:
        self.sweep(self._now)
        address, port = destination.split(":")
        number = self._steering.engine.destination_id(key_of(service), IPAddress(address), int(port))
        assert number is not None
        state = lib.lb_datapath_dest_state(self._datapath, number)
        counters = lib.lb_datapath_dest_counters(self._datapath, number)
        return DestinationCounts(counts(counters), state.active, state.inactive)

    def reason_counts(self) -> dict[str, int]:
        """Return how many frames ended for each reason."""
        numbers = range(lib.LB_REASON_COUNT)
        return {self._reason(n): lib.lb_datapath_reason_count(self._datapath, n) for n in numbers}

    def _reason(self, number: int) -> str:
        name: bytes = ffi.string(lib.lb_reason_name(number))
        return name.decode().lower()

    def _swap(self, swap: SwapTables) -> None:
        for number in swap.reset_services:
            lib.lb_datapath_reset_service(self._datapath, number)
        for number in swap.reset_destinations:
            lib.lb_datapath_reset_dest(self._datapath, number)
        assert lib.lb_datapath_swap(self._datapath, swap.image, len(swap.image)) == 0
        for service, gcd, most in swap.wrr_changes:
            lib.lb_datapath_wrr_changed(self._datapath, service, gcd, most)

    def _departures(self) -> Iterator[Departure]:
        at = 0
        for number in range(self._answer.frames):
            out = self._answer.out[number]
            yield Departure(bytes(ffi.buffer(self._out)[at : at + out.length]), offload_of(out))
            at += out.length

    def _entry(self, conn: Any, now: int) -> Entry:
        holder = self._steering.engine.destination_of(conn.dest)
        assert holder is not None
        _, destination = holder
        return Entry(
            protocol=conn.protocol,
            client=f"{self._address(conn.caddr)}:{swapped(conn.cport)}",
            virtual=f"{self._address(conn.vaddr)}:{swapped(conn.vport)}",
            destination=destination.endpoint,
            state=STATES[lib.lb_conn_state_of(ffi.addressof(conn))],
            expires=round((conn.expires - now) / 1000),
        )

    @staticmethod
    def _address(address: Any) -> IPAddress:
        return IPAddress(int.from_bytes(address.word[0].to_bytes(4, "little"), "big"))


def frame_fields(arrival: Arrival, data: Any) -> dict[str, Any]:
    """Say an arrival as struct lb_test_frame, with virtio_net_hdr's flags and types."""
    offload = arrival.offload
    return {
        "data": data,
        "length": len(arrival.frame),
        "ifindex": arrival.interface,
        "flags": NEEDS_CHECKSUM if offload.checksum_start else 0,
        "gso_type": offload.segmentation.value,
        "gso_size": offload.segment_size,
        "hdr_len": offload.header_length,
        "csum_start": offload.checksum_start,
        "csum_offset": offload.checksum_offset,
    }


def offload_of(out: Any) -> Offload:
    undone = bool(out.flags & NEEDS_CHECKSUM)
    if not undone and not out.gso_type:
        return WHOLE
    return Offload(
        checksum_start=out.csum_start if undone else 0,
        checksum_offset=out.csum_offset if undone else 0,
        segmentation=Segmentation(out.gso_type),
        segment_size=out.gso_size,
    )


def counts(counters: Any) -> Counts:
    return Counts(
        connections=counters.connections,
        packets_in=counters.packets_in,
        packets_out=counters.packets_out,
        bytes_in=counters.bytes_in,
        bytes_out=counters.bytes_out,
    )


def key_of(service: str) -> ServiceKey:
    protocol, address, port = service.split(":")
    return ServiceKey(Protocol(protocol), IPAddress(address), int(port))


def swapped(port: int) -> int:
    """Read a port that stands in network order in a little-endian integer."""
    return int.from_bytes(port.to_bytes(2, "little"), "big")
