# SPDX-License-Identifier: Apache-2.0
"""What is measured as a packet's cost is that packet's way: frames leave as they must, and are counted so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from cost import network
from cost.network import MAC, PEER, colons
from cost.scene import ANSWER, PORT, REQUEST, SERVER, SERVER_PORT, VIP, Scene
from cost.subject import REDIRECT, Subject, objects
from cost.walk import PAYLOAD, Hop, client, state, step
from cost.ways import WAYS, Happening, Way
from director.datapath.programs import TableSizes
from director.model import ForwardingMethod, Scheduler
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "bpf", "netns", "veth", "gcc")]
ROOT = Path(__file__).parents[2]
FLOWS, PACKETS = 1000, 2007
ONE_SERVER = Scene(3, 1, Scheduler.RR)
SIZES = TableSizes(sets=1 << 10, image_lines=1024)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    with objects() as directory:
        yield directory


def wanted(way: Way, packets: int) -> bytes:
    """Build the frame that leaves for the last of so many packets."""
    address, port = client(packets * step(FLOWS) % FLOWS)
    ends = {
        "request": (str(address), port, str(VIP), PORT),
        "translated": (str(address), port, str(SERVER), SERVER_PORT),
        "answer": (str(VIP), PORT, str(address), port),
    }
    name = "translated" if way.method is ForwardingMethod.NAT else "request"
    source, sport, destination, dport = ends["answer" if way.happening is Happening.REPLY else name]
    packet = IP(src=source, dst=destination, ttl=63, id=0, flags="DF") / UDP(sport=sport, dport=dport)
    if way.method is ForwardingMethod.TUN:
        packet = IP(src="10.0.0.1", dst=str(SERVER), ttl=63, id=0, flags="DF") / packet
    return bytes(Ether(dst=colons(PEER), src=colons(MAC)) / packet / PAYLOAD)


def travel(way: Way, room: Path) -> tuple[int, dict[str, int], bytes]:
    """Open all flows, then let packets go this way: the last one's verdict and frame, and all reasons."""
    network.enter()
    subject = Subject(way.kind, SIZES, room)
    try:
        subject.configure(ONE_SERVER.image(way))
        subject.walk(state(FLOWS, REQUEST, Hop(MAC, PEER)))
        run = subject.run(subject.measured, FLOWS)
        if way.happening is not Happening.NEW:
            subject.walk(
                state(FLOWS, ANSWER if way.happening is Happening.REPLY else REQUEST, Hop(MAC, PEER))
            )
            run = subject.run(subject.measured, PACKETS)
        return run.verdict, subject.reasons(), run.frame
    finally:
        subject.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_what_is_measured_is_forwarded_to_the_byte(way: Way, room: Path) -> None:
    with ThreadPoolExecutor(1) as pool:  # whose thread takes the namespace with it
        verdict, reasons, frame = pool.submit(travel, way, room).result()
    packets = FLOWS if way.happening is Happening.NEW else PACKETS
    assert reasons == {"new": FLOWS, way.happening.value: packets}
    assert verdict == REDIRECT[way.kind]
    assert Ether(frame) == Ether(wanted(way, packets))


def test_the_command_measures_every_way_and_writes_its_samples(tmp_path: Path) -> None:
    target = tmp_path / "cost.json"
    words = ("--rounds", "1", "--packets", "1000", "--flows", "1", "--flows", "10000")
    scene = ("--services", "2", "--scheduler", "wlc")
    done = subprocess.run(
        [sys.executable, "-m", "cost", *words, *scene, "--json", target],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'netns-lab'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    samples = json.loads(target.read_text())["samples"]
    assert {(one["way"], one["flows"]) for one in samples} == {
        (way.name, flows) for way in WAYS for flows in (1, 10_000) if way.suits(flows)
    }
    assert [name for name in (way.name for way in WAYS) if name not in done.stdout] == []


def test_what_is_no_way_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cost", "--only", "xdp/bridge"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'netns-lab'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there are xdp/dr/hit" in done.stderr.replace("\n", " ")
