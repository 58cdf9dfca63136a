# SPDX-License-Identifier: Apache-2.0
"""A director whose connections others hear of, and who hears of theirs: C tables, on this machine's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from director.datapath._native import ffi, lib
from netaddr import EUI, IPAddress
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from director.datapath.synchronising import _FLOW, SyncTable, _flow_of
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.model.sync import SyncedFlow, SyncRule, Whereabouts
from director.tables.image import compile_image
from director.tables.layout import Timeout

VIP, CLIENT = IPAddress("192.0.2.1"), IPAddress("198.51.100.7")
SERVERS = (IPAddress("10.0.0.11"), IPAddress("10.0.0.12"))
MAC, ROUTER_MAC = EUI("02-00-00-00-00-01"), EUI("02-00-00-00-00-fe")
OUTSIDE, INSIDE = 3, 4
SETS = 64
DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT
WAY = Whereabouts(OUTSIDE, ROUTER_MAC)
RULE = SyncRule(
    3, 50, 0, 0, tuple(1000 * each for each in (2, 900, 120, 60, 120, 120, 10, 60, 30, 120)) + (0,) * 22
)


class Director:
    """A data path with a service of two servers, on the clock of the machine."""

    def __init__(
        self, method: ForwardingMethod = DR, services: int = 1, persistence: Persistence | None = None
    ) -> None:
        self.raw = lib.lb_datapath_new(SETS, 1, 99)
        ports = (8080, 8080) if method is NAT else (80, 80)
        destinations = tuple(map(Destination, SERVERS, ports, (method,) * 2))
        key = ServiceKey(Protocol.TCP, VIP, 80)
        service = VirtualService(key, Scheduler.RR, destinations=destinations, persistence=persistence)
        self.configuration = Configuration((service,) * services)
        self.swap(self.configuration)
        self.opened: dict[int, int] = {}
        self.table = SyncTable(lambda: self.raw, SETS)

    def swap(self, configuration: Configuration) -> None:
        links = tuple(Link(index, f"eth{index}", MAC, 1500, up=True) for index in (OUTSIDE, INSIDE))
        hops = {server: NextHop(INSIDE, MAC, MAC, IPAddress("10.0.0.1"), 1500) for server in SERVERS}
        image = compile_image(configuration, hops, links=links)
        assert lib.lb_datapath_swap(self.raw, image, len(image)) == 0

    def send(self, frame: Ether, interface: int = OUTSIDE, later: int = 0) -> tuple[str, Ether | None]:
        """Forward a frame; return for what reason, and what came out."""
        data = bytes(frame)
        given = ffi.new("struct lb_test_frame *", {"length": len(data), "ifindex": interface})
        given.data = held = ffi.from_buffer("uint8_t[]", data)
        out, answer = ffi.new("uint8_t[]", 4096), ffi.new("struct lb_test_answer *")
        now = lib.lb_clock() + later
        assert lib.lb_datapath_try(self.raw, 0, given, now, out, len(out), answer) == 0
        del held
        reason = ffi.string(lib.lb_reason_name(answer.reason)).decode()
        sent = Ether(bytes(out[0 : answer.out[0].length])) if answer.frames else None
        return reason, sent

    def client(self, flags: str, port: int = 40000) -> tuple[str, Ether | None]:
        packet = IP(src=str(CLIENT), dst=str(VIP)) / TCP(sport=port, dport=80, flags=flags)
        return self.send(Ether(src=str(ROUTER_MAC).replace("-", ":")) / packet)

    def reached(self, port: int, later: int = 0, client: IPAddress = CLIENT) -> int:
        """Open a connection of a client's; return which server got it."""
        packet = IP(src=str(client), dst=str(VIP)) / TCP(sport=port, dport=80, flags="S")
        reason, _ = self.send(Ether(src=str(ROUTER_MAC).replace("-", ":")) / packet, later=later)
        assert reason == "NEW"
        counts = {number: sum(self.counts(number)) for number in (1, 2)}
        found = next(number for number in counts if counts[number] != self.opened.get(number, 0))
        self.opened = counts
        return found

    def templates(self, later: int = 0, rule: SyncRule = RULE) -> list[tuple[int, int, int]]:
        """Look through the whole table at a time: server, state and time of the templates that are due."""
        raw = ffi.new("struct lb_sync_rule *", (rule.threshold, rule.period, rule.refresh, rule.retries))
        found = ffi.new("struct lb_sync_flow[64]")
        now = lib.lb_clock() + later
        count = lib.lb_teller_collect(self.table._teller, self.raw, raw, now, SETS * lib.LB_WAYS, found, 64)
        flows = [_flow_of(each) for each in _FLOW.iter_unpack(ffi.buffer(found, count * _FLOW.size))]
        return [(each.destination, each.state, each.expires_in) for each in flows if each.template]

    def persistent(self, number: int) -> int:
        return int(lib.lb_datapath_dest_state(self.raw, number).persistent)

    def server(self, number: int) -> tuple[str, Ether | None]:
        packet = IP(src=str(SERVERS[number]), dst=str(CLIENT)) / TCP(sport=8080, dport=40000, flags="A")
        return self.send(Ether() / packet, INSIDE)

    def told(self, rule: SyncRule = RULE) -> list[tuple[int, int, int, int]]:
        """Look through the whole table: client's port, destination, state and packets of what is due."""
        found = self.table.collect(rule)
        return [(flow.cport, flow.destination, flow.state, flow.packets) for flow in found]

    def counts(self, destination: int) -> tuple[int, int]:
        state: Any = lib.lb_datapath_dest_state(self.raw, destination)
        return state.active, state.inactive


def made(method: ForwardingMethod, persistence: Persistence | None = None) -> Iterator[Director]:
    it = Director(method, persistence=persistence)
    it.table.begin_telling()
    yield it
    it.table.end_telling()
    lib.lb_datapath_free(it.raw)


def flow(**more: object) -> SyncedFlow:
    whole = SyncedFlow(6, CLIENT.packed, 40000, VIP.packed, 80, 1, Timeout.TCP_ESTABLISHED, 900_000, 3)
    return replace(whole, **more)  # type: ignore[arg-type]


def template(**more: object) -> SyncedFlow:
    whole = SyncedFlow(6, CLIENT.packed, 0, VIP.packed, 80, 1, 1, 300_000, 0, DR, template=True)
    return replace(whole, **more)  # type: ignore[arg-type]
