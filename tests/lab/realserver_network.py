# SPDX-License-Identifier: Apache-2.0
"""Small networks for the tests of `realserver`: namespaces joined by veth pairs, and sockets inside them.

Everything hangs on the namespaces, which go when the test ends; nothing touches the machine's own network.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyroute2 import NetNS, netns

T = TypeVar("T")
NUMBERS = itertools.count(1)
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Node:
    """One namespace, with the state file of the real server that lives in it."""

    name: str
    state: Path

    def inside(self, do: Callable[[], T]) -> T:
        """Call something that opens sockets; they stay in the namespace when this returns."""
        netns.pushns(self.name)
        try:
            return do()
        finally:
            netns.popns()

    def execute(self, *command: str, privileges: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "REALSERVER_STATE": str(self.state), "COLUMNS": "200"}
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *privileges, *command],
            capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=environment,
        )  # fmt: skip

    def ip(self, *arguments: str) -> str:
        done = self.execute("ip", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def realserver(
        self, *arguments: str, privileges: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self.execute(sys.executable, "-m", "realserver.cli", *arguments, privileges=privileges)

    def up(self, *arguments: str) -> str:
        done = self.realserver("up", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self, *arguments: str) -> None:
        done = self.realserver("down", *arguments)
        assert done.returncode == 0, done.stderr

    def findings(self, *arguments: str) -> list[str]:
        """Run `check` and return the problems and notes that it tells."""
        done = self.realserver("check", "--json", *arguments)
        assert done.returncode in (0, 1), done.stderr
        told = json.loads(done.stdout)
        assert told["ok"] is (done.returncode == 0)
        return [f"{each['level']}: {each['what']}" for each in told["findings"]]

    def counts(self) -> dict[str, int]:
        """Read how many tunnel packets met which end, without those that none met."""
        (program,) = json.loads(self.realserver("status", "--json").stdout)["decapsulation"]
        assert program["fault"] is None
        return {reason: each["packets"] for reason, each in program["counts"].items() if each["packets"]}

    def set(self, name: str, value: str) -> None:
        path = f"/proc/sys/net/{name}"
        self.inside(lambda: Path(path).write_text(value))

    def mac(self, interface: str) -> str:
        (link,) = json.loads(self.ip("-j", "link", "show", "dev", interface))
        return str(link["address"])

    def snapshot(self) -> str:
        """Show everything that `realserver` may change, by programs that know nothing of it."""
        script = """
            ip -d addr | grep -v valid_lft; ip -d -4 route show table all; ip -d -6 route show table all
            ip rule; ip -6 rule; ip -d link | grep -v qdisc
            for link in $(ls /sys/class/net); do tc qdisc show dev $link; tc filter show dev $link ingress
            done
            grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf 2>/dev/null | sort
            cat /proc/sys/net/ipv4/ip_forward
        """
        return self.execute("sh", "-c", script).stdout


def packet_socket(interface: str) -> socket.socket:
    """Open a raw socket that receives whatever comes in by this interface, in the namespace of the moment."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    raw.bind((interface, 0x0003))
    raw.settimeout(5)
    return raw


@contextlib.contextmanager
def network(directory: Path, *names: str) -> Iterator[tuple[Node, ...]]:
    """Make namespaces with only lo up, and take them down whatever happens."""
    number = next(NUMBERS)
    nodes = tuple(Node(f"rs{os.getpid()}-{number}-{name}", directory / f"{name}.json") for name in names)
    with contextlib.ExitStack() as stack:
        for node in nodes:
            netns.create(node.name)
            stack.callback(netns.remove, node.name)
            node.set("ipv6/conf/default/addr_gen_mode", "1")  # no link-local address that settles by and by
            node.ip("link", "set", "lo", "up")
        yield nodes


def join(one: Node, name: str, address: str, other: Node, other_name: str, other_own: str) -> None:
    """Lay a veth pair between two namespaces and give each end its address."""
    with NetNS(one.name) as ip:
        ip.link("add", ifname=name, kind="veth", peer={"ifname": other_name, "net_ns_fd": other.name})
    for node, interface, own in ((one, name, address), (other, other_name, other_own)):
        node.ip("address", "add", own, "dev", interface)
        node.ip("link", "set", interface, "up")
