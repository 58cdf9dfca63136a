# SPDX-License-Identifier: Apache-2.0
"""One service twice: as the C data path schedules it, and as the definitions in director/scheduling/ do.

Both are told the same configurations and meet the same clients. The servers are known by small numbers: n has
the address 172.16.0.n and the MAC SERVER_MACS:n.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from struct import pack
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress

from director.commands import ResetIds, SwapTables
from director.engine import Engine
from director.events import ConfigurationApplied, Event, LinkChanged, NeighbourChanged, RouteResolved
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Neighbour,
    Protocol,
    Route,
    ServiceKey,
    Tunables,
    VirtualService,
)
from director.scheduling import DEFAULTS, Candidate, Chooser, Flow, chooser
from director.scheduling.round_robin import RoundRobin
from director.scheduling.weighted_round_robin import WeightedRoundRobin
from director.tables.wrr_steps import wrr_steps

SETS = 1 << 12
SEED = 0x0123456789ABCDEF
INTERFACE = 2
ROOM = 1 << 12
PORT = 80
NETWORK = int(IPAddress("172.16.0.0"))
OUR_MAC = EUI("02-00-00-00-ff-01")
OUR_ADDRESS = IPAddress("172.16.255.1")
SERVER_MACS = bytes.fromhex("0200000000")
TRANSMIT = 2
FLAGS = {"S": 0x02, "A": 0x10, "F": 0x11}


def server_address(number: int) -> IPAddress:
    return IPAddress(NETWORK + number)


def destination(number: int, weight: int, port: int = PORT) -> Destination:
    return Destination(server_address(number), port, ForwardingMethod.DR, weight)


def number_of(address: IPAddress) -> int:
    return int(address) - NETWORK


def frame(protocol: Protocol, port: int, flow: Flow, kind: str) -> bytes:
    """A client's packet: a SYN (S), an ACK (A), a FIN (F), or a datagram without a checksum (U)."""
    ports = pack("!HH", flow.port, port)
    if protocol is Protocol.TCP:
        segment = ports + pack("!IIBBHHH", 1, 0, 5 << 4, FLAGS[kind], 65535, 0, 0)
    else:
        segment = ports + pack("!HH", 8, 0)
    addresses = flow.address.packed + flow.asked.packed
    header = pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, protocol.number, 0) + addresses
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2))
    checksum = ~(total % 0xFFFF) & 0xFFFF
    header = header[:10] + pack("!H", checksum) + header[12:]
    return OUR_MAC.packed + EUI("02-00-00-00-ff-02").packed + pack("!H", 0x0800) + header + segment


def ways(service: VirtualService) -> Iterable[Event]:
    """All that makes the service's destinations reachable."""
    yield LinkChanged(Link(INTERFACE, "eth0", OUR_MAC, 1500, up=True))
    for each in service.destinations:
        yield RouteResolved(each.address, Route(each.address, INTERFACE, None, OUR_ADDRESS, 1500))
        mac = EUI(int.from_bytes((*SERVER_MACS, number_of(each.address))), 48)
        yield NeighbourChanged(Neighbour(INTERFACE, each.address, mac))


class Compiled:
    """The service in the C data path."""

    def __init__(self, tunables: Tunables = DEFAULTS, sets: int = SETS) -> None:
        self._tunables = tunables
        self._datapath: Any = ffi.gc(lib.lb_datapath_new(sets, 1, SEED), lib.lb_datapath_free)
        self._answer: Any = ffi.new("struct lb_test_answer *")
        self._out: Any = ffi.new("uint8_t[]", ROOM)
        self._engine = Engine()

    def configure(self, service: VirtualService) -> None:
        events = (ConfigurationApplied(Configuration((service,), tunables=self._tunables)), *ways(service))
        for command in self._engine.handle_all(events):
            if isinstance(command, ResetIds):
                self._reset(command)
            elif isinstance(command, SwapTables):
                self._swap(command)

    def choose(self, key: ServiceKey, flow: Flow) -> int | None:
        """Send a new client's first packet; return the server that got it."""
        return self.send(key, flow, "S" if key.protocol is Protocol.TCP else "U")

    def send(self, key: ServiceKey, flow: Flow, kind: str) -> int | None:
        """Send a client's packet; return the server that got it."""
        protocol = Protocol.UDP if kind == "U" else Protocol.TCP
        data = ffi.from_buffer("uint8_t[]", frame(protocol, key.port or PORT, flow, kind))
        fields = {"data": data, "length": len(data), "ifindex": INTERFACE}
        given = ffi.new("struct lb_test_frame *", fields)
        assert lib.lb_datapath_try(self._datapath, 0, given, flow.now, self._out, ROOM, self._answer) == 0
        if self._answer.verdict != TRANSMIT or bytes(self._out[0:5]) != SERVER_MACS:
            return None  # refused, with an ICMP error back to the client
        return int(self._out[5])

    def load(self, key: ServiceKey, number: int) -> tuple[int, int]:
        """Return a server's active and inactive connections."""
        state = lib.lb_datapath_dest_state(
            self._datapath, self._engine.destination_id(key, server_address(number), 80) or 0
        )
        return state.active, state.inactive

    def _reset(self, ids: ResetIds) -> None:
        for number in ids.services:
            lib.lb_datapath_reset_service(self._datapath, number)
        for number in ids.destinations:
            lib.lb_datapath_reset_dest(self._datapath, number)

    def _swap(self, swap: SwapTables) -> None:
        assert lib.lb_datapath_swap(self._datapath, swap.image, len(swap.image)) == 0
        for service, gcd, highest in swap.wrr_changes:
            lib.lb_datapath_wrr_changed(self._datapath, service, gcd, highest)


class Chance:
    """The random numbers of the data path in user space: the first worker's, for this seed."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self) -> int:
        self._drawn += 1
        return mixed(mixed(SEED, self._drawn), self._drawn) >> 32


def mixed(value: int, word: int) -> int:
    value = (value ^ word) * 0x9E3779B97F4A7C15 % 2**64
    return value ^ value >> 32


class Defined:
    """The service as it is defined, with connections that never end."""

    def __init__(self, tunables: Tunables = DEFAULTS) -> None:
        self._tunables = tunables
        self._chance = Chance()
        self._service: VirtualService | None = None
        self._scheduler: Chooser | None = None
        self._candidates: list[Candidate] = []
        self._known: dict[int, Candidate] = {}

    def configure(self, service: VirtualService) -> None:
        before, self._service = self._service, service
        if (
            before is None
            or before.scheduler is not service.scheduler
            or self._scheduler is None
            or before.flags != service.flags
        ):
            self._scheduler = chooser(service.scheduler, service.flags, self._tunables, self._chance)
        if isinstance(self._scheduler, WeightedRoundRobin):
            for step in wrr_steps(before, service):
                self._scheduler.change(*step)
        present = {candidate.id for candidate in self._candidates}
        listed = [self._candidate(each, service.port_at(each), present) for each in service.destinations]
        if isinstance(self._scheduler, RoundRobin):
            self._scheduler.change(self._candidates, listed[::-1])
        self._candidates = listed[::-1]

    def choose(self, flow: Flow) -> int | None:
        assert self._scheduler is not None
        assert self._service is not None
        index = self._scheduler.choose(self._candidates, flow)
        if index is None:
            return None
        chosen = self._candidates[index]
        if self._service.key.protocol is Protocol.TCP:
            chosen = replace(chosen, active=chosen.active + 1)
        else:
            chosen = replace(chosen, inactive=chosen.inactive + 1)
        self._candidates[index] = self._known[chosen.id] = chosen
        return chosen.id

    def close(self, number: int) -> None:
        """End a connection of this server: it is no more active."""
        known = self._known[number]
        changed = replace(known, active=known.active - 1, inactive=known.inactive + 1)
        self._known[number] = changed
        self._candidates = [changed if each.id == number else each for each in self._candidates]

    def load(self, number: int) -> tuple[int, int]:
        return self._known[number].active, self._known[number].inactive

    def _candidate(self, given: Destination, port: int, present: set[int]) -> Candidate:
        """Join a destination with what is remembered of it: its connections and its last weight."""
        number = number_of(given.address)
        known = self._known.get(number, Candidate(number, 0, address=given.address, port=port))
        last = given.weight if given.weight > 0 or number not in present else known.last_weight
        self._known[number] = replace(known, weight=given.weight, last_weight=last)
        return self._known[number]
