# SPDX-License-Identifier: Apache-2.0
"""The bench's three namespaces with a large configuration in the director, and a flood to fill its table.

Knows how to build, start and fill; not what is measured.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scene import TOPOLOGY
from bench.stage import SINK
from lab import Lab, LabError, Process, RunningNode
from scale import scene
from scale.asking import Director
from scale.scene import ROUTER, Servers, Size

READY_DEADLINE = 300.0
FILL_DEADLINE = 120.0
WAYS_DEADLINE = 600.0
FILL_PACE = 100_000
POLL_INTERVAL = 0.05
XDP = "xdp"
SOCKET = Path("director/control.sock")


@dataclass(frozen=True, slots=True)
class Stage:
    """A director at work. `ready` is how many seconds it took from its start to its first answer."""

    lab: Lab
    size: Size
    director: Director
    process: Process
    configuration: Path
    ready: float
    tools: Path

    @property
    def client(self) -> RunningNode:
        return self.lab.node("client")

    @property
    def server(self) -> RunningNode:
        return self.lab.node("server")

    @property
    def entrance(self) -> str:
        """The MAC address that the client's frames go to."""
        return self.lab.node("director").output_of(("cat", "/sys/class/net/front/address")).strip()

    def wait_for_ways(self) -> None:
        """Wait until the ways to the last service's servers are known: they are found out in order."""
        end = time.monotonic() + WAYS_DEADLINE
        while not self.director.reaches(scene.last(self.size)):
            if time.monotonic() > end:
                raise LabError(f"the ways to all servers were not known after {WAYS_DEADLINE:.0f} s")
            time.sleep(POLL_INTERVAL)

    def flood(self, target: str, flows: int, pace: int, seconds: float) -> None:
        """Send frames of so many flows to a service, in turn."""
        core = str(min(os.sched_getaffinity(0)))
        arguments = ("front", self.entrance, target, scene.PORT, flows, pace, seconds)
        self.client.output_of(("taskset", "-c", core, str(self.tools / "flood"), *map(str, arguments)))

    def fill(self) -> int:
        """Open the connections, and return how many there are."""
        targets = scene.flooded()
        each = self.size.connections // len(targets)
        end = time.monotonic() + FILL_DEADLINE
        while (used := self.director.used()) < self.size.connections * 0.99:
            if time.monotonic() > end:
                raise LabError(f"only {used} of {self.size.connections} connections came about")
            for target in targets:
                self.flood(str(target), each, FILL_PACE, max(0.2, 1.2 * each / FILL_PACE))
        return used

    def received(self) -> int:
        """Count the frames that arrived at the server."""
        return int(self.server.output_of(("cat", "/sys/class/net/back/statistics/rx_packets")))

    def memory(self) -> dict[str, int]:
        """Return the director's memory in bytes: all that is resident, and what of it is its own alone."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        kilobytes = {line.split(":")[0]: line.split() for line in lines[1:]}
        private = int(kilobytes["Private_Clean"][1]) + int(kilobytes["Private_Dirty"][1])
        return {"resident": int(kilobytes["Rss"][1]) * 1024, "private": private * 1024}


@contextmanager
def stage(size: Size, datapath: str, tools: Path, name: str) -> Iterator[Stage]:
    """Build it, wait until the director answers; take everything down at the end."""
    with Lab.up(str(TOPOLOGY), name) as lab:
        _prepare(lab, size)
        if datapath == XDP:
            _let_peers_poll(lab)
        node = lab.node("director")
        file = node.run_directory / "scale.toml"
        file.write_text(scene.configuration(size))
        began = time.monotonic()
        process = node.start(
            ("director", "run", "--datapath", datapath, "--config", "/run/scale.toml"), log="director"
        )
        director = Director(node.run_directory / SOCKET)
        _wait(director, process)
        ready = time.monotonic() - began
        yield Stage(lab, size, director, process, file, ready, tools)


def _prepare(lab: Lab, size: Size) -> None:
    server = lab.node("server")
    if size.who is Servers.DISTINCT:
        lab.node("director").output_of(("ip", "route", "add", scene.DISTINCT_NETWORK, "via", ROUTER))
    for address in scene.shared_servers(size):
        server.output_of(("ip", "address", "add", f"{address}/32", "dev", "back"))
    server.output_of(("tc", "qdisc", "add", "dev", "back", "clsact"))
    server.output_of(_words(SINK, leg="back"))


def _let_peers_poll(lab: Lab) -> None:
    """Make the other ends of the director's cables take what an XDP program sends."""
    for node, leg in (("client", "front"), ("server", "back")):
        lab.node(node).output_of(("ethtool", "-K", leg, "gro", "on"))


def _words(command: Sequence[str], **names: str) -> tuple[str, ...]:
    return tuple(word.format(**names) for word in command)


def _wait(director: Director, process: Process) -> None:
    end = time.monotonic() + READY_DEADLINE
    while not director.socket.exists():
        if not process.is_running:
            raise LabError(f"{process} has ended: {process.tail()}")
        if time.monotonic() > end:
            raise LabError(f"the director was not ready after {READY_DEADLINE:.0f} s: {process.tail()}")
        time.sleep(POLL_INTERVAL)
    director.ask("GET", "/v1/status")
