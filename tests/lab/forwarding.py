# SPDX-License-Identifier: Apache-2.0
"""A lab in which `director` forwards: real servers set up by `realserver`, services, and clients to ask them.

For the tests named test_forwarding_*. All programs run in the lab's nodes, as on machines; nothing of the
director is imported here.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import Lab, Process, RunningNode, Wires
from tests.needs import needs

NEEDS = needs(
    "root", "netns", "veth", "bridge", "bpf", "clsact", "packet-socket", "nginx", "dnsmasq", "curl", "dig"
)
CLIENT = "198.51.100.10"
DIGEST_SERVER = Path(__file__).parent / "digest_server.py"
DIGEST_PORT = 8080
WEIGHTS = {"rs1": 3, "rs2": 2, "rs3": 1}
DEADLINE = 20.0
DATAPATHS = ("packet", "tc", "xdp")
"""What all that is tested of forwarding holds for, but for what limits.py lists."""
RUN = ("director", "run", "--config", "/run/test.toml")
COUNTER = itertools.count()
PORT = itertools.count(20000)  # below those that the kernel gives out
CURL = """url = "http://{vip}/"
local-port = {port}
header = "Connection: close"
max-time = 5
silent
show-error
output = "/dev/null"
write-out = "%{{http_code}} %header{{x-served-by}}\\n"
"""
DIG = "-b {client}#{port} @{vip} whoami.lab TXT +short +tries=1 +time=2\n"


@dataclass(frozen=True, slots=True)
class Way:
    """A VIP with the method its packets go by: the servers' network, and the interface they have there."""

    method: str
    vip: str
    network: str
    leg: str
    gateway: str = ""  # the director, for NAT

    def server(self, node: str) -> str:
        """Return a real server's address."""
        between = ":" if ":" in self.network else "."
        return f"{self.network}{between}{10 + int(node[-1])}"

    def duty(self) -> tuple[str, ...]:
        """Say the arguments for `realserver up`."""
        where = ("--director", self.gateway) if self.gateway else ("--interface", self.leg)
        return ("--vip", self.vip, "--method", self.method, *where)


@dataclass(frozen=True, slots=True)
class Scene:
    """A topology, and the ways that packets go in it."""

    topology: str
    ways: tuple[Way, ...]


DR = Way("dr", "192.0.2.1", "10.0.0", "lan")
TUN = Way("tun", "192.0.2.2", "10.2.0", "far")
NAT = Way("nat", "192.0.2.3", "10.3.0", "inside", "10.3.0.1")
SCENES: Mapping[str, Scene] = {
    "one-arm-dr": Scene("one-arm-dr", (DR,)),
    "one-arm-nat": Scene("one-arm-dr", (Way("nat", "192.0.2.3", "10.0.0", "lan", "10.0.0.2"),)),
    "two-arm": Scene(
        "two-arm-dr",
        (Way("dr", "192.0.2.1", "10.1.0", "back"), Way("tun", "192.0.2.2", "10.1.0", "back")),
    ),
    "tun-routed": Scene("tun-routed", (TUN,)),
    "nat-gateway": Scene("nat-gateway", (NAT,)),
    "mixed": Scene("mixed", (DR, TUN, NAT)),
}
ENDS = ("syn_recv", "fin_wait", "time_wait", "close", "last_ack")  # a RST in SYN_RECV changes no state
TIMEOUTS = "[timeouts]\n" + "".join(f"tcp_{state} = 1\n" for state in ENDS)
PORTS = (("tcp", 80), ("udp", 53), ("tcp", DIGEST_PORT))


@dataclass(frozen=True, slots=True)
class Stage:
    """A lab with a director at work."""

    lab: Lab
    ways: tuple[Way, ...]
    command: tuple[str, ...]  # that starts the director
    directors: list[Process] = field(default_factory=list)  # the last is the one that runs

    @property
    def client(self) -> RunningNode:
        return self.lab.node("client")

    @property
    def servers(self) -> tuple[RunningNode, ...]:
        return tuple(self.lab.node(name) for name in WEIGHTS)

    def way(self, method: str) -> Way:
        """Return the way of a method."""
        return next(way for way in self.ways if way.method == method)

    def director(self, *arguments: str) -> str:
        """Run a verb of `director` that must succeed."""
        return self.lab.node("director").output_of(("director", *arguments))

    def start(self) -> Process:
        """Start the director and wait until it knows the way to every server."""
        process = self.lab.node("director").start(self.command, log="director")
        self.directors.append(process)
        wanted = {way.server(node) for way in self.ways for node in WEIGHTS}
        eventually(lambda: self.resolved() == wanted, lambda: f"no way to all servers: {process.tail()}")
        return process

    def end(self, order: signal.Signals = signal.SIGTERM) -> None:
        """End the running director, and reap it."""
        running = self.directors[-1]
        running.signal(order)
        running.wait(timeout=10)
        running.stop()

    def resolved(self) -> set[str]:
        """Name the servers whose next hop the director knows."""
        done = self.lab.node("director").run(("director", "status", "--json"))
        hops = json.loads(done.stdout)["next_hops"] if done.returncode == 0 else ()
        return {hop["destination"] for hop in hops if hop["state"] == "resolved"}

    def carriage(self) -> dict[str, tuple[str, str]]:
        """Return which data path carries each of the director's interfaces, and why."""
        interfaces = json.loads(self.director("status", "--json"))["interfaces"]
        return {one["name"]: (one["datapath"], one["why"]) for one in interfaces}

    def carried_by(self) -> set[str]:
        """Name the data paths that carry the director's interfaces."""
        return {datapath for datapath, _why in self.carriage().values()}

    def apply(self, text: str) -> None:
        """Put a configuration in force."""
        self.write(text)
        self.director("config", "apply", "/run/test.toml")

    def write(self, text: str) -> None:
        (self.lab.node("director").run_directory / "test.toml").write_text(text)

    def reasons(self) -> dict[str, int]:
        """Return how many packets ended by which reason, without those that none did."""
        answer = json.loads(self.director("stats", "--reasons", "--json"))
        return {one["reason"]: one["count"] for one in answer["reasons"] if one["count"]}

    def curl(self, vip: str, count: int) -> Counter[str]:
        """Ask by HTTP, each time by a new connection; count by who answered, or by the status of what failed.

        Each has a port of its own, so that none meets an older one's connection and keeps its server.
        """
        questions = "next\n".join(CURL.format(vip=vip, port=port) for port in itertools.islice(PORT, count))
        done = self.client.run(("curl", "-K", "-"), stdin=questions)
        answers = (line.split() for line in done.stdout.splitlines())
        return Counter(words[1] if words[0] == "200" else words[0] for words in answers)

    def dig(self, vip: str, count: int, client: str = CLIENT) -> Counter[str]:
        """Ask by DNS, each time from a port of its own; count by who answered."""
        questions = "".join(
            DIG.format(client=client, vip=vip, port=port) for port in itertools.islice(PORT, count)
        )
        (self.client.run_directory / "questions").write_text(questions)
        said = self.client.run(("dig", "-f", "/run/questions")).stdout
        return Counter(line.strip('"') for line in said.splitlines())


@dataclass(frozen=True, slots=True)
class Venue:
    """A lab whose servers are at work, for one director after the other."""

    lab: Lab
    ways: tuple[Way, ...]

    @contextmanager
    def directed(self, *command: str, wires: Wires = Wires.OFFLOADED) -> Iterator[Stage]:
        """Have a director at work, with every server by its weight."""
        it = Stage(self.lab, self.ways, command)
        self.lab.set_wires("director", wires)
        self._keep_frames_apart()
        it.write(configuration(self.ways))
        it.start()
        yield it
        left = tuple(process for process in it.directors if process.is_running)
        assert len(left) <= 1, f"more than one director runs: {left}"
        it.end()

    def _keep_frames_apart(self) -> None:
        """Let no receiver that polls merge what the director sends, so that it is seen as it was sent."""
        for leg in self.lab.node("director").noun.interfaces:
            owner, port = self.lab.far_end("director", leg.name)
            owner.output_of(("ip", "link", "set", "dev", port, "gro_max_size", "1"))

    @contextmanager
    def carried_by(self, datapath: str) -> Iterator[Stage]:
        """Have a director of this data path at work, with wires of which it can take everything."""
        wires = Wires.PLAIN if datapath == "xdp" else Wires.OFFLOADED
        with self.directed(*RUN, "--datapath", datapath, wires=wires) as it:
            yield it


@contextmanager
def venue(name: str) -> Iterator[Venue]:
    """Bring the lab of a scene up, with the real servers in it at work."""
    scene = SCENES[name]
    with venue_of(scene.topology, scene.ways) as it:
        yield it


@contextmanager
def venue_of(topology: str, ways: tuple[Way, ...]) -> Iterator[Venue]:
    """Bring the lab of a topology up, with the real servers in it at work by these ways."""
    with Lab.up(topology, f"fw{os.getpid()}-{next(COUNTER)}") as lab:
        with ThreadPoolExecutor(len(WEIGHTS)) as threads:
            tuple(threads.map(lambda node: _set_up(lab.node(node), ways), WEIGHTS))
        yield Venue(lab, ways)


@contextmanager
def one_at_a_time() -> Iterator[Callable[[str], Venue]]:
    """Bring labs up when they are asked for by the name of their scene, and down when another is."""
    up: dict[str, Venue] = {}
    with ExitStack() as stack:

        def visit(name: str) -> Venue:
            if name not in up:
                stack.close()
                up.clear()
                up[name] = stack.enter_context(venue(name))
            return up[name]

        yield visit


@contextmanager
def stage(name: str, datapath: str = "auto") -> Iterator[Stage]:
    """Bring the lab of a scene up, with the servers and a director in it at work."""
    with venue(name) as place, place.carried_by(datapath) as it:
        yield it


def _set_up(node: RunningNode, ways: Sequence[Way]) -> None:
    for way in ways:
        node.output_of(("realserver", "up", *way.duty()))
    node.start((sys.executable, str(DIGEST_SERVER), str(DIGEST_PORT), node.name), log="digest")
    node.wait_port("tcp", "0.0.0.0", DIGEST_PORT, deadline=DEADLINE)


def endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def configuration(
    ways: Sequence[Way],
    weights: Mapping[str, int] = WEIGHTS,
    scheduler: str = "wrr",
    ports: Sequence[tuple[str, int]] = PORTS,
) -> str:
    """Write a configuration with a service for each way and port. What has ended is forgotten at once."""
    return TIMEOUTS + "\n".join(
        f'[[service]]\nprotocol = "{protocol}"\naddress = "{endpoint(way.vip, port)}"\n'
        f'scheduler = "{scheduler}"\n'
        + "".join(
            f'[[service.destination]]\naddress = "{endpoint(way.server(node), port)}"\n'
            f'method = "{way.method}"\n'
            f"weight = {weight}\n"
            for node, weight in weights.items()
        )
        for way in ways
        for protocol, port in ports
    )


def eventually(
    true: Callable[[], object],
    what: Callable[[], str] = lambda: "it did not come to pass",
    deadline: float = DEADLINE,
) -> None:
    """Wait until the condition holds; say what did not come to pass."""
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def http_log(node: RunningNode) -> list[dict[str, str]]:
    """Read nginx's access log; a last line that is not whole yet is left out."""
    path = node.access_log("nginx")
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def dns_clients(node: RunningNode) -> Counter[str]:
    """Count dnsmasq's queries by client."""
    path = node.access_log("dnsmasq")
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.rsplit(" ", 1)[1] for line in lines if " query[TXT] " in line)
