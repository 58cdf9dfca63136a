# SPDX-License-Identifier: Apache-2.0
"""The C data path in user space as a host: `_native`, one frame at a time, on a virtual clock.

What a setting says reaches it as in the running director: the engine is told facts, and its orders are
carried out. So the table image's compiler and the stable ids are under test with the packet code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress

from director.commands import Command, ResolveRoute, SolicitNeighbour, SwapTables
from director.engine import Engine
from director.events import (
    ConfigurationApplied,
    Event,
    LinkChanged,
    NeighbourChanged,
    RouteResolved,
)
from director.model import Link, Neighbour, Protocol, Route, ServiceKey
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
from tests.packets.network import DIRECTOR, INSIDE, INSIDE_MAC, MTU, OUTSIDE, OUTSIDE_MAC, SERVERS, Setting

SETS = 1 << 10
SEED = 0x0123456789ABCDEF
NEEDS_CHECKSUM = 1
ROOM = 1 << 18
ROUNDS = 4  # of questions and answers after a setting changed: routes, then neighbours
STATES = tuple(State)
VERDICTS = (Verdict.PASS, Verdict.DROP, Verdict.TRANSMIT)


class UserHost:
    """A data path of its own for each case."""

    def __init__(self) -> None:
        self._datapath = ffi.gc(lib.lb_datapath_new(SETS, 1, SEED), lib.lb_datapath_free, size=1 << 26)
        assert self._datapath != ffi.NULL
        self._answer = ffi.new("struct lb_test_answer *")
        self._out = ffi.new("uint8_t[]", ROOM)
        self._engine = Engine()
        self._now = 0
        self._do(self._engine.handle_all(LinkChanged(link) for link in LINKS))

    def apply(self, setting: Setting) -> None:
        commands = self._engine.handle_all([ConfigurationApplied(setting.configuration), *facts(setting)])
        for _ in range(ROUNDS):
            self._do(commands)
            answers = [event for command in commands for event in answer(setting, command)]
            commands = self._engine.handle_all(answers)
        self._do(commands)

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
        number = self._engine.service_id(key_of(service))
        assert number is not None
        return counts(lib.lb_datapath_service_counters(self._datapath, number))

    def destination_counts(self, service: str, destination: str) -> DestinationCounts:
        self.sweep(self._now)
        address, port = destination.split(":")
        number = self._engine.destination_id(key_of(service), IPAddress(address), int(port))
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

    def _do(self, commands: Iterable[Command]) -> None:
        for swap in (command for command in commands if isinstance(command, SwapTables)):
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
        holder = self._engine.destination_of(conn.dest)
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


LINKS = (
    Link(index=OUTSIDE, name="outside", mac=EUI(OUTSIDE_MAC), mtu=MTU, up=True),
    Link(index=INSIDE, name="inside", mac=EUI(INSIDE_MAC), mtu=MTU, up=True),
)


def facts(setting: Setting) -> Iterator[Event]:
    """Tell what a setting says of the ways; a real server without one has a route and no neighbour."""
    for server in SERVERS:
        address = IPAddress(server)
        yield RouteResolved(address, route(setting, address))
        yield from neighbour(setting, address)


def answer(setting: Setting, command: Command) -> Iterator[Event]:
    """Answer what the engine asks of the kernel."""
    match command:
        case ResolveRoute(destination):
            yield RouteResolved(destination, route(setting, destination))
        case SolicitNeighbour(address=address):
            yield from neighbour(setting, address)


def route(setting: Setting, address: IPAddress) -> Route:
    way = setting.hops.get(address)
    return Route(
        destination=address,
        interface=way.interface if way else INSIDE,
        gateway=None,
        source=way.source if way else IPAddress(DIRECTOR),
        mtu=way.mtu if way else MTU,
    )


def neighbour(setting: Setting, address: IPAddress) -> Iterator[Event]:
    way = setting.hops.get(address)
    interface, mac = (way.interface, way.destination_mac) if way else (INSIDE, None)
    yield NeighbourChanged(Neighbour(interface, address, mac))


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
