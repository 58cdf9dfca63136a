# SPDX-License-Identifier: Apache-2.0
"""A budget of instructions for each way of a frame through the packet code, counted by callgrind.

The harness itself (memory for the frame, copies) costs the same for every frame; a frame that is not IP costs
little else, so it is subtracted. Budgets stand a quarter above what gcc 12 needed: a change that exceeds one
says why.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.cost.budget import BUDGET
from tests.native.build import HERE as NATIVE_TESTS
from tests.native.build import compile_program
from tests.native.tape import tape
from tests.needs import needs
from tests.packets.case import Case, Packet, Send, stays
from tests.packets.frames import outside, tcp, tcp_reply, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, names, setting, web

pytestmark = needs("gcc", "valgrind")
FEW, MANY = 1000, 3000


@dataclass(frozen=True, slots=True)
class Way:
    """Frames that prepare, and last the one that is counted; `vary` gives it a new client port each time."""

    method: ForwardingMethod
    frames: tuple[tuple[int, Packet], ...]
    vary: bool = False


DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
SYN = (OUTSIDE, tcp("S"))
ACK = (OUTSIDE, tcp("A"))
NO_SERVICE = Ether(bytes(udp()))
NO_SERVICE[UDP].dport = 99
NOT_IP = (OUTSIDE, Ether(bytes(outside() / IPv6())))
WAYS = {
    "dr: a packet of a connection": Way(DR, (SYN, ACK)),
    "tun: a packet of a connection": Way(TUN, (SYN, ACK)),
    "nat: a packet of a connection": Way(NAT, (SYN, ACK)),
    "nat: a reply": Way(NAT, (SYN, ACK, (INSIDE, tcp_reply(ONE, "A")))),
    "dr: a datagram that opens a connection": Way(DR, ((OUTSIDE, udp()),), vary=True),
    "nat: a datagram that opens a connection": Way(NAT, ((OUTSIDE, udp()),), vary=True),
    "dr: a segment of no connection, reset": Way(DR, (ACK,)),
    "dr: a TTL that ran out": Way(DR, (SYN, (OUTSIDE, tcp("A", ttl=1)))),
    "a port without a service": Way(DR, ((OUTSIDE, NO_SERVICE),)),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = (Path(__file__).with_name("cost.c"), NATIVE_TESTS / "tape.c")
    return compile_program(tmp_path_factory.mktemp("cost") / "cost", *sources, flags=("-O2",))


@pytest.fixture(scope="module")
def harness(program: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """What a frame costs before anything is looked at."""
    return instructions_per_frame(program, tmp_path_factory.mktemp("harness"), Way(DR, (NOT_IP,)))


@pytest.mark.parametrize("name", WAYS)
def test_a_frame_costs_no_more_instructions_than_its_budget(
    program: Path, harness: float, tmp_path: Path, name: str
) -> None:
    cost = instructions_per_frame(program, tmp_path, WAYS[name]) - harness
    print(f"{name}: {cost:.0f} instructions, budget {BUDGET[name]}")
    assert 0 < cost <= BUDGET[name]


def test_each_way_has_a_budget() -> None:
    assert BUDGET.keys() == WAYS.keys()


def instructions_per_frame(program: Path, directory: Path, way: Way) -> float:
    given = setting(web(way.method), names(way.method))
    steps = tuple(Send(0, interface, frame, stays()) for interface, frame in way.frames)
    path = directory / "way.tape"
    path.write_bytes(tape((Case("cost", given, steps),)))
    few, many = (counted(program, path, times, way) for times in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def counted(program: Path, path: Path, times: int, way: Way) -> int:
    """Count the instructions of one run."""
    done = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={path}.out",
            program,
            path,
            str(times),
            "vary" if way.vary else "same",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])
