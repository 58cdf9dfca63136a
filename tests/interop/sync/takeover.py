# SPDX-License-Identifier: Apache-2.0
"""A kernel director and ours stand in for each other: `python -m tests.interop.sync.takeover`

In the lab's network of two directors, one is a kernel under User-Mode Linux. Clients hold connections, who
has the VIPs dies, and the other goes on. Not part of the test suite, as it needs packages that the suite does
not; run it when the synchronisation or the kernel changes.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import Process
from tests.interop import record
from tests.lab.forwarding import eventually
from tests.lab.pair.scene import GATEWAY, PORT, REAL_PORT, SERVERS, SYNCID, VIPS, Pair, pair, services
from tests.lab.test_sync import TALKS, templates, told

MACHINE = Path(__file__).parent / "machine.py"
INTERFACES = {"lan": "10.0.0.{}/24", "inside": "10.3.0.{}/24", "wire": "10.9.0.{}/24"}
METHODS = {"dr": "-g", "nat": "-m"}
HOST = {"one": 2, "two": 3}
SECONDS = 60.0

Said = list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel director in the place of a node."""

    name: str
    room: Path
    process: Process
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def order(self, *commands: Sequence[str]) -> Said:
        """Have commands run in it; each must succeed."""
        number = next(self.numbers)
        order = self.room / f"order-{number}"
        order.with_suffix(".new").write_text(json.dumps(commands))
        order.with_suffix(".new").rename(order)
        answer = self.room / f"answer-{number}"
        eventually(answer.exists, lambda: f"no answer: {self.process.tail()}", SECONDS)
        said: Said = json.loads(answer.read_text())
        for command, (code, _, error) in zip(commands, said, strict=True):
            assert code == 0, f"{' '.join(command)}: {error}"
        return said

    def told(self) -> dict[str, str]:
        """Return which server each client's connection has, as `ipvsadm -Lnc` lists it."""
        ((_, said, _),) = self.order(("ipvsadm", "-Lnc"))
        rows = [line.split() for line in said.splitlines()[2:]]
        return {row[3]: row[5] for row in rows if row[2] == "ESTABLISHED"}

    def templates(self) -> dict[str, str]:
        """Return which server the client of each VIP has."""
        ((_, said, _),) = self.order(("ipvsadm", "-Lnc"))
        rows = [line.split() for line in said.splitlines()[2:]]
        return {row[4].partition(":")[0]: row[5] for row in rows if row[3].endswith(":0")}

    def take(self) -> None:
        """Have the VIPs and the servers' gateway."""
        held = [(f"{vip}/32", "lan") for vip in VIPS.values()] + [(f"{GATEWAY}/24", "inside")]
        self.order(*(("ip", "address", "replace", each, "dev", on) for each, on in held))

    def synchronise(self, *roles: str) -> None:
        where = ("--mcast-interface", "wire", "--syncid", str(SYNCID))
        self.order(*(("ipvsadm", "--start-daemon", role, *where) for role in roles))


@contextmanager
def kernel(place: Pair, name: str, *more: str) -> Iterator[Kernel]:
    """Put a kernel director with the lab's services in this node's place, each with these options more."""
    node = place.node(name)
    macs = {interface: place.mac(name, interface) for interface in INTERFACES}
    place.plain(name)
    for interface in INTERFACES:
        node.output_of(("ip", "address", "flush", "dev", interface))
    with tempfile.TemporaryDirectory(prefix="sync-") as directory:
        room = Path(directory)
        (room / "job.json").write_text(json.dumps({"interfaces": list(INTERFACES)}))
        devices = [
            f"vec{number}:transport=raw,ifname={interface},mac={mac},gro=0"
            for number, (interface, mac) in enumerate(macs.items())
        ]
        with node.start(("linux.uml", *record.options(room, MACHINE), *devices), log="kernel") as process:
            eventually((room / "up").exists, lambda: f"not up: {process.tail()}", SECONDS)
            it = Kernel(name, room, process)
            _set_up(it, more)
            yield it


def _set_up(machine: Kernel, more: Sequence[str]) -> None:
    host = HOST[machine.name]
    machine.order(
        *(("ip", "address", "add", each.format(host), "dev", name) for name, each in INTERFACES.items()),
        ("ip", "route", "add", "default", "via", "10.0.0.1"),
        ("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
        ("sh", "-c", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done"),
    )
    for method, vip in VIPS.items():
        key = ("-t", f"{vip}:{PORT}")
        port = REAL_PORT if method == "nat" else PORT
        machine.order(
            ("ipvsadm", "-A", *key, "-s", "rr", *more),
            *(("ipvsadm", "-a", *key, "-r", f"{each}:{port}", METHODS[method]) for each in SERVERS[method]),
        )


def from_kernel_to_director() -> None:
    """A kernel has the VIPs and dies."""
    with pair() as place, ExitStack() as stack:
        machine = stack.enter_context(kernel(place, "one"))
        machine.synchronise("master")
        place.director("two", "packet", "backup")
        machine.take()
        place.tell_of("one")
        talks = [stack.enter_context(place.talking(*each)) for each in TALKS]
        here = machine.told()
        assert len(here) == len(TALKS), here
        eventually(lambda: told(place, "two") == here, lambda: f"{told(place, 'two')} is not {here}")
        machine.process.signal(signal.SIGKILL)
        place.unplug("one")
        place.give("two")
        for talk in talks:
            talk.goes_on()
        assert told(place, "two") == here


def from_director_to_kernel() -> None:
    """A director has the VIPs and dies."""
    with pair() as place, ExitStack() as stack:
        machine = stack.enter_context(kernel(place, "two"))
        machine.synchronise("backup")
        first = place.director("one", "packet", "master")
        place.give("one")
        talks = [stack.enter_context(place.talking(*each)) for each in TALKS]
        here = told(place, "one")
        eventually(lambda: machine.told() == here, lambda: f"{machine.told()} is not {here}")
        first.signal(signal.SIGKILL)
        place.unplug("one")
        machine.take()
        place.tell_of("two")
        for talk in talks:
            talk.goes_on()


HELD = ("-p", "300")
TURNED = services("persistence = 300\n", {method: servers[::-1] for method, servers in SERVERS.items()})
"""By themselves the directors would give a client different servers."""


def from_kernel_to_director_with_persistence() -> None:
    """A kernel has the VIPs and a client, and dies."""
    with pair() as place, ExitStack() as stack:
        machine = stack.enter_context(kernel(place, "one", *HELD))
        machine.synchronise("master")
        place.director("two", "packet", "backup", has=TURNED)
        machine.take()
        place.tell_of("one")
        talks = [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        here = machine.templates()
        assert sorted(here) == sorted(VIPS.values()), here
        eventually(lambda: templates(place, "two") == here, lambda: f"{templates(place, 'two')}: {here}")
        machine.process.signal(signal.SIGKILL)
        place.unplug("one")
        place.give("two")
        talks += [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        for talk in talks:
            talk.goes_on()
        assert set(told(place, "two").values()) == set(here.values())


def from_director_to_kernel_with_persistence() -> None:
    """A director has the VIPs and a client, and dies."""
    with pair() as place, ExitStack() as stack:
        machine = stack.enter_context(kernel(place, "two", *HELD))
        machine.synchronise("backup")
        first = place.director("one", "packet", "master", has=TURNED)
        place.give("one")
        talks = [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        here = templates(place, "one")
        assert sorted(here) == sorted(VIPS.values()), here
        eventually(lambda: machine.templates() == here, lambda: f"{machine.templates()} is not {here}")
        first.signal(signal.SIGKILL)
        place.unplug("one")
        machine.take()
        place.tell_of("two")
        talks += [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        for talk in talks:
            talk.goes_on()
        assert set(machine.told().values()) == set(here.values())


WAYS = (
    from_kernel_to_director,
    from_director_to_kernel,
    from_kernel_to_director_with_persistence,
    from_director_to_kernel_with_persistence,
)


def main() -> None:
    record.refuse_without_programs()
    for way in WAYS:
        way()
        print(f"{way.__name__.replace('_', ' ')}: no connection broke")


if __name__ == "__main__":
    try:
        main()
    except (record.RecordingError, subprocess.SubprocessError) as error:
        sys.exit(f"takeover: {error}")
