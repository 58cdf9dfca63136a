# SPDX-License-Identifier: Apache-2.0
"""A lab for one sample: fresh namespaces, a web server, and a contender that carries requests.

Fresh, because what an earlier sample left in the kernel (TIME_WAIT sockets, tracked connections) would be
measured too. Knows how to build and to run; not what is measured.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import TOOLS, Carries, Contender, Start, xdp
from bench.scene import BULK, DISCARD, FRAMES, HTTP, SERVER_PAST, TOPOLOGY, VIP, web_server
from lab import Lab, LabError, Process, RunningNode

DEADLINE = 20.0
POLL_INTERVAL = 0.05
PATIENCE = "0.25"  # seconds that a request has: what comes before the director is ready gets lost
# Ahead of everything else at ingress, take IPv4 from the stack (return 2: drop); ARP goes on.
SINK = (
    "tc", "filter", "add", "dev", "{leg}", "ingress", "protocol", "ip", "pref", "1",
    "bpf", "direct-action", "bytecode", "1,6 0 0 2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """A lab that is up, with a contender in it."""

    lab: Lab
    contender: Contender
    tools: Path

    @property
    def client(self) -> RunningNode:
        return self.lab.node("client")

    @property
    def server(self) -> RunningNode:
        return self.lab.node("server")

    @property
    def target(self) -> str:
        """The address that the client asks."""
        return VIP if self.contender.is_director else SERVER_PAST

    @property
    def url(self) -> str:
        return f"http://{self.target}:{HTTP}/"

    @property
    def entrance(self) -> tuple[str, str]:
        """The client's leg that leads to the target, and the MAC address at its other end."""
        if self.contender.is_director:
            return "front", self._mac("director", "front")
        return "past", self._mac("server", "past")

    @property
    def exit(self) -> tuple[RunningNode, str]:
        """The leg that requests come to at last, and whose it is."""
        if self.contender.carries is Carries.BACK:
            return self.client, "front"
        return self.server, "back" if self.contender.is_director else "past"

    def flood_command(self, flows: int, pace: float, seconds: float) -> tuple[str, ...]:
        """Say the generator's command line, on the first core that there is."""
        leg, mac = self.entrance
        core = str(min(os.sched_getaffinity(0)))
        arguments = (leg, mac, self.target, DISCARD, flows, pace, seconds)
        return ("taskset", "-c", core, str(self.tools / "flood"), *map(str, arguments))

    def inject_command(self, flows: int, seconds: float) -> tuple[str, ...]:
        """Say the command line of the generator in the kernel, on the first core that there is."""
        leg, mac = self.entrance
        core = str(min(os.sched_getaffinity(0)))
        arguments = (self.tools / FRAMES, leg, mac, self.target, DISCARD, flows, seconds)
        return ("taskset", "-c", core, str(self.tools / "inject"), *map(str, arguments))

    def open_sink(self) -> None:
        """Have the server drop what arrives, as early and as cheaply as can be at a leg without a program."""
        node, leg = self.exit
        node.run(("tc", "qdisc", "add", "dev", leg, "clsact"))  # there already, if it unwraps tunnels
        node.output_of([word.format(leg=leg) for word in SINK])

    def open_driver_sink(self) -> None:
        """Have what comes by a driver dropped there, and the director's leg take what inject.c makes."""
        self.open_sink()
        node, leg = self.exit
        self.run(node, xdp(leg, "swallow"))
        self.run(self.lab.node("director"), ("ethtool", "-K", "front", "gro", "on"))

    def received(self) -> int:
        """Count the frames that arrived at the last leg."""
        node, leg = self.exit
        return int(node.output_of(("cat", f"/sys/class/net/{leg}/statistics/rx_packets")))

    def start_bulk_server(self) -> Process:
        """Start iperf3's server."""
        process = self.server.start(("iperf3", "-s", "-p", str(BULK)), log="iperf3")
        self.server.wait_port("tcp", "::", BULK)
        return process

    def run(self, node: RunningNode, command: Sequence[str]) -> None:
        """Run a command of a contender in a node, to its good end."""
        node.output_of([word.replace(TOOLS, str(self.tools)) for word in command])

    def _mac(self, node: str, leg: str) -> str:
        return self.lab.node(node).output_of(("cat", f"/sys/class/net/{leg}/address")).strip()


@contextmanager
def stage(contender: Contender, tools: Path, name: str) -> Iterator[Stage]:
    """Build the lab, start the contender and wait until a request is answered; take all down at the end."""
    with Lab.up(str(TOPOLOGY), name) as lab:
        ready = Stage(lab, contender, tools)
        web = _start(ready.server, Start("web", web_server(workers()), ("nginx", "-e", "/run/web.log", "-c")))
        ready.server.wait_port("tcp", "0.0.0.0", HTTP)  # noqa: S104
        running: list[Process] = [web]
        for step in contender.steps:
            node = lab.node(step.node)
            for command in step.commands:
                ready.run(node, command)
            running += [_start(node, program) for program in step.programs]
        if contender.carries is not Carries.BACK:
            _wait_for_answer(ready, running)
        yield ready


def workers() -> int:
    """Say how many threads a client and a server take each, so that together they fill the machine."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


def _start(node: RunningNode, program: Start) -> Process:
    file = f"{program.name}.conf"
    (node.run_directory / file).write_text(program.configuration)
    return node.start((*program.command, f"/run/{file}"), log=program.name)


def _wait_for_answer(ready: Stage, running: Sequence[Process]) -> None:
    deadline = time.monotonic() + DEADLINE
    ask = ("curl", "-sS", "--max-time", PATIENCE, "-o", "/dev/null", ready.url)
    while (done := ready.client.run(ask)).returncode != 0:
        for process in running:
            if not process.is_running:
                raise LabError(f"{process} has ended: {process.tail()}")
        if time.monotonic() > deadline:
            raise LabError(f"{ready.contender.name}: no answer after {DEADLINE:.0f} s: {done.stderr.strip()}")
        time.sleep(POLL_INTERVAL)
