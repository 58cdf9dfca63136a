# SPDX-License-Identifier: Apache-2.0
"""A budget for each way of a frame through the programs in the kernel: what they execute, call and look at.

Counted by a machine that runs the programs one instruction after the other (test_machine.py proves it), and
so the same on every host. Calls are those of the kernel's helpers; a look-up in an array is one, though the
kernel compiles it to a few instructions. Lines are the cache lines of the tables that a frame touches: with
many connections they cost more than all else.
"""

from __future__ import annotations

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether

from director.datapath.programs import ProgramKind
from tests.cost.budget import PROGRAM_BUDGET, Budget
from tests.cost.machine import Tally
from tests.cost.machine_host import MachineHost
from tests.cost.test_cost import WAYS, Way
from tests.needs import needs
from tests.packets.case import Arrival, Packet
from tests.packets.network import names, setting, web

pytestmark = needs("root", "netns", "bpf", "veth")
NOW = 5_000
OTHER_PORT = 2345
CONNECTIONS = "lb_conns"
HITS = ("dr: a packet of a connection", "tun: a packet of a connection", "nat: a packet of a connection")


def arrival(interface: int, packet: Packet) -> Arrival:
    return Arrival(interface, bytes(packet))


def with_other_port(packet: Packet) -> Packet:
    """Return the same from another port of the client, so that it opens a connection of its own."""
    other = Ether(bytes(packet))
    layer = other[TCP] if TCP in other else other[UDP]
    layer.sport = OTHER_PORT
    return other


def tally_of(kind: ProgramKind, way: Way) -> Tally:
    """Run the frames of a way, and count what the last one takes when it comes again."""
    host = MachineHost(kind)
    host.apply(setting(web(way.method), names(way.method)))
    for interface, packet in way.frames:
        host.count(arrival(interface, packet), NOW)
    interface, packet = way.frames[-1]
    if way.vary:
        packet = with_other_port(packet)
    return host.count(arrival(interface, packet), NOW + 1).tally


@pytest.mark.parametrize("kind", ProgramKind, ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", WAYS)
def test_a_frame_costs_a_program_no_more_than_its_budget(kind: ProgramKind, name: str) -> None:
    tally, budget = tally_of(kind, WAYS[name]), PROGRAM_BUDGET[kind.value, name]
    found = Budget(tally.instructions, tally.helpers, len(tally.lines))
    print(f"{kind.value}, {name}: {found}, budget {budget}")
    assert found.instructions <= budget.instructions
    assert found.calls <= budget.calls
    assert found.lines <= budget.lines


@pytest.mark.parametrize("kind", ProgramKind, ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", HITS)
def test_a_packet_of_a_connection_touches_one_line_of_the_connection_table(
    kind: ProgramKind, name: str
) -> None:
    tally = tally_of(kind, WAYS[name])
    assert [region for region, _ in tally.lines].count(CONNECTIONS) == 1


def test_each_way_through_each_program_has_a_budget() -> None:
    assert PROGRAM_BUDGET.keys() == {(kind.value, name) for kind in ProgramKind for name in WAYS}
