# SPDX-License-Identifier: Apache-2.0
"""Two directors' network at work: servers that talk, clients that hold connections, and VIPs that move.

What keepalived does between two machines is done here by hand: addresses are given to one of them, and the
router and the servers told its MAC.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, Process, RunningNode, Wires
from tests.lab.forwarding import DEADLINE, eventually

HERE = Path(__file__).parent
TALK = HERE / "talk.py"
COUNTER = itertools.count()
PORT, REAL_PORT = 80, 8080
VIPS = {"dr": "192.0.2.1", "nat": "192.0.2.3"}
SERVERS = {"dr": ("10.0.0.11", "10.0.0.12"), "nat": ("10.3.0.11", "10.3.0.12")}
GATEWAY = "10.3.0.1"
SYNCID = 7
MORE = 20  # lines, by which a connection is seen to go on


def services(more: str = "", servers: Mapping[str, Sequence[str]] = SERVERS) -> str:
    """Write the services that both directors have, each with these lines more."""
    return "[director]\nbind_vips = false\n" + "".join(
        f'[[service]]\nprotocol = "tcp"\naddress = "{vip}:{PORT}"\nscheduler = "rr"\n{more}'
        + "".join(
            f'[[service.destination]]\naddress = "{server}:{REAL_PORT if method == "nat" else PORT}"\n'
            f'method = "{method}"\n'
            for server in servers[method]
        )
        for method, vip in VIPS.items()
    )


def synchronised(*roles: str) -> str:
    return "".join(f'[[sync]]\nrole = "{role}"\ninterface = "wire"\nsyncid = {SYNCID}\n' for role in roles)


@dataclass(frozen=True, slots=True)
class Talk:
    """A connection that a client holds."""

    process: Process
    file: Path

    @property
    def said(self) -> str:
        return self.file.read_text() if self.file.exists() else "0"

    def lines(self) -> int:
        """Count the lines that have come; a file that is being written is empty for a moment."""
        said = self.said
        assert said.isdigit() or not said, said
        return int(said or "0")

    def goes_on(self) -> None:
        """Wait until more lines have come; say what broke where none come."""
        before = self.lines()
        eventually(
            lambda: self.lines() >= before + MORE, lambda: f"stuck at {before}: {self.said}", 3 * DEADLINE
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """The network, its servers talking."""

    lab: Lab

    def node(self, name: str) -> RunningNode:
        return self.lab.node(name)

    def director(
        self, name: str, datapath: str, *roles: str, more: str = "", has: str | None = None
    ) -> Process:
        """Start a director that `has` these services, and wait until it knows the way to every server."""
        node = self.node(name)
        (node.run_directory / "test.toml").write_text((has or services()) + synchronised(*roles) + more)
        command = ("director", "run", "--config", "/run/test.toml", "--datapath", datapath)
        process = node.start((*command, "--interface", "lan", "--interface", "inside"), log="director")
        wanted = {server for servers in SERVERS.values() for server in servers}
        eventually(lambda: self._resolved(name) == wanted, lambda: f"no way to servers: {process.tail()}")
        return process

    def _resolved(self, name: str) -> set[str]:
        done = self.node(name).run(("director", "status", "--json"))
        hops = json.loads(done.stdout)["next_hops"] if done.returncode == 0 else ()
        return {hop["destination"] for hop in hops if hop["state"] == "resolved"}

    def give(self, name: str) -> None:
        """Let this machine have the VIPs and the servers' gateway, and everybody know."""
        for vip in VIPS.values():
            self._bind(name, f"{vip}/32", "lan")
        self._bind(name, f"{GATEWAY}/24", "inside")
        self.tell_of(name)

    def tell_of(self, name: str) -> None:
        """Let everybody know that this machine has the VIPs and the servers' gateway."""
        for vip in VIPS.values():
            self._tell("router", vip, "lan", name)
        for server in ("nat", "nat2"):
            self._tell(server, GATEWAY, "inside", name)

    def plain(self, name: str) -> None:
        """Let everything come to this machine as it would on a cable, with all checksums in it."""
        self.lab.set_wires(name, Wires.PLAIN)

    def unplug(self, name: str) -> None:
        """Let this machine be dead for the others."""
        for interface in ("lan", "inside", "wire"):
            self.node(name).output_of(("ip", "link", "set", "dev", interface, "down"))

    def _bind(self, name: str, address: str, interface: str) -> None:
        self.node(name).output_of(("ip", "address", "replace", address, "dev", interface))

    def _tell(self, listener: str, address: str, interface: str, name: str) -> None:
        mac = self.mac(name, interface)
        words = ("ip", "neigh", "replace", address, "lladdr", mac, "dev", interface, "nud", "permanent")
        self.node(listener).output_of(words)

    def mac(self, name: str, interface: str) -> str:
        said = self.node(name).output_of(("ip", "-j", "link", "show", "dev", interface))
        return str(json.loads(said)[0]["address"])

    @contextmanager
    def talking(self, way: str, method: str) -> Iterator[Talk]:
        """Hold a connection through a VIP: `ask`, or `listen`."""
        client = self.node("client")
        file = client.run_directory / f"talk-{next(COUNTER)}"
        command = (sys.executable, str(TALK), way, VIPS[method], str(PORT), f"/run/{file.name}")
        with client.start(command, log=file.name) as process:
            talk = Talk(process, file)
            talk.goes_on()
            yield talk


@contextmanager
def pair() -> Iterator[Pair]:
    """Bring the network up with its servers at work."""
    with Lab.up(str(HERE / "pair.toml"), f"pair{os.getpid()}-{next(COUNTER)}") as lab:
        for method, names in (("dr", ("dr", "dr2")), ("nat", ("nat", "nat2"))):
            for name in names:
                _serve(lab.node(name), method)
        yield Pair(lab)


def _serve(node: RunningNode, method: str) -> None:
    if method == "dr":
        node.output_of(("realserver", "up", "--vip", VIPS["dr"], "--method", "dr", "--interface", "lan"))
    port = REAL_PORT if method == "nat" else PORT
    node.start((sys.executable, str(TALK), "serve", str(port)), log="talk")
    node.wait_port("tcp", "0.0.0.0", port, deadline=DEADLINE)
