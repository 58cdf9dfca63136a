# SPDX-License-Identifier: Apache-2.0
"""What the kernel's own selftest asks of IPVS, asked of a director: one server by DR, NAT and TUN.

The network is the selftest's: a client on a bridge, a director behind it, and a server that both reach. Where
DIRECTOR_KERNEL_SOURCE names a kernel's source tree, its script runs as it is, with the programs on its PATH
that stand for a kernel with ip_vs and ipip.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.ipvsadm_shims import directing_ipvsadm, directors, modprobe
from tests.needs import needs

pytestmark = [
    pytest.mark.lab,
    needs("root", "netns", "veth", "bridge", "bpf", "clsact", "packet-socket", "ip", "socat"),
]

SOURCE = "DIRECTOR_KERNEL_SOURCE"
SCRIPTS = ("net/netfilter/ipvs.sh", "netfilter/ipvs.sh")  # where newer and older trees have it
VIP, PORT, DIRECTOR, SERVER = "207.175.44.110", "8080", "172.16.0.1", "172.16.0.2"
LEG = "veth21"  # the server's, on the director's side
DATA = "what the client sends\n"
DEADLINE = 20.0
COUNTER = itertools.count()
NETWORK = """
link add veth01 netns {client} type veth peer name veth10 netns {director}
link add veth02 netns {client} type veth peer name veth20 netns {server}
link add veth12 netns {director} type veth peer name veth21 netns {server}
"""
CLIENT = """
link add br0 type bridge
link set veth01 master br0 up
link set veth02 master br0 up
link set br0 up
addr add 10.0.0.2/24 dev br0
route add 207.175.44.110 via 10.0.0.1 dev br0
"""
MIDDLE = """
link set lo up
link set veth10 up
addr add 10.0.0.1/24 dev veth10
link set veth12 up
addr add 172.16.0.1/24 dev veth12
"""
BEHIND = """
link set lo up
link set veth21 up
addr add 172.16.0.2/24 dev veth21
link set veth20 up
addr add 10.0.0.3/24 dev veth20
"""
SILENT = "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"
LOOSE = "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.veth21.rp_filter=0"


@dataclass(frozen=True, slots=True)
class Bench:
    """Three namespaces, and the programs that stand for the kernel's."""

    client: str
    director: str
    server: str
    programs: Path

    def run(self, node: str, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            ("ip", "netns", "exec", node, *command),
            input=stdin,
            env=environment(self.programs),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def has_tried(self, attempts: int = 3) -> str:
        """Send the data once or, where the way is not known yet, again, and return what the server heard."""
        listener = ("timeout", "30", "socat", "-u", f"TCP-LISTEN:{PORT},reuseaddr", "STDOUT")
        with subprocess.Popen(
            ("ip", "netns", "exec", self.server, *listener), stdout=subprocess.PIPE, text=True
        ) as server:
            self._until_listening()
            for _ in range(attempts):
                with contextlib.suppress(AssertionError):
                    self.run(
                        self.client, "timeout", "5", "socat", "-u", "STDIN", f"TCP:{VIP}:{PORT}", stdin=DATA
                    )
                    break
            return server.communicate(timeout=40)[0]

    def _until_listening(self) -> None:
        end = time.monotonic() + DEADLINE
        while f":{int(PORT):04X} " not in self.run(self.server, "cat", "/proc/net/tcp"):
            assert time.monotonic() < end, "the server does not listen"
            time.sleep(0.02)


def environment(programs: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin"}


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Path]:
    """Have ipvsadm and modprobe be ours; directors that are left are ended."""
    directing_ipvsadm(tmp_path)
    modprobe(tmp_path, VIP, LEG)
    yield tmp_path
    for process in directors(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    eventually_gone(tmp_path)


def eventually_gone(programs: Path) -> None:
    end = time.monotonic() + DEADLINE
    while any(Path(f"/proc/{process}").exists() for process in directors(programs)):
        assert time.monotonic() < end, "a director does not end"
        time.sleep(0.05)


@pytest.fixture
def bench(programs: Path) -> Iterator[Bench]:
    """Have the network of the selftest."""
    stem = f"selftest{os.getpid()}-{next(COUNTER)}"
    it = Bench(f"{stem}-client", f"{stem}-director", f"{stem}-server", programs)
    nodes = (it.client, it.director, it.server)
    try:
        for node in nodes:
            subprocess.run(("ip", "netns", "add", node), check=True)
        batch((), NETWORK.format(client=it.client, director=it.director, server=it.server))
        for node, text in zip(nodes, (CLIENT, MIDDLE, BEHIND), strict=True):
            batch(("-netns", node), text)
        yield it
    finally:
        for node in nodes:
            subprocess.run(("ip", "netns", "delete", node), check=False, stderr=subprocess.DEVNULL)


def batch(options: tuple[str, ...], text: str) -> None:
    subprocess.run(("ip", *options, "-batch", "-"), input=text, text=True, check=True)


def serve(it: Bench, *method: str) -> None:
    it.run(it.director, "ipvsadm", "-A", "-t", f"{VIP}:{PORT}", "-s", "rr")
    it.run(it.director, "ipvsadm", "-a", *method, "-t", f"{VIP}:{PORT}", "-r", f"{SERVER}:{PORT}")


def test_direct_routing(bench: Bench) -> None:
    serve(bench)
    bench.run(bench.server, "sysctl", "-qw", *SILENT, *LOOSE)
    bench.run(bench.server, "ip", "addr", "add", f"{VIP}/32", "dev", "lo")
    assert bench.has_tried() == DATA


def test_the_listings_show_the_connection(bench: Bench) -> None:
    bench.run(bench.director, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    serve(bench, "-m")
    bench.run(bench.server, "ip", "link", "del", "veth20")
    bench.run(bench.server, "ip", "route", "add", "default", "via", DIRECTOR, "dev", LEG)
    assert bench.has_tried() == DATA
    title, columns, *entries = bench.run(bench.director, "ipvsadm", "-L", "-n", "-c").splitlines()
    assert (title, columns[:30]) == ("IPVS connection entries", "pro expire state       source ")
    form = rf"TCP \d\d:\d\d  [A-Z_]+ +10\.0\.0\.2:\d+ +{VIP}:{PORT} {SERVER}:{PORT}"
    assert [line for line in entries if not re.fullmatch(form, line)] == []
    counted = bench.run(bench.director, "ipvsadm", "-L", "-n", "--stats").splitlines()[3:]
    assert [len(line) for line in counted] == [78, 78]
    assert [line.split()[2] for line in counted] == [str(len(entries))] * 2
    bench.run(bench.director, "ipvsadm", "-Z")
    (zeroed, _) = bench.run(bench.director, "ipvsadm", "-L", "-n", "--stats").splitlines()[3:]
    assert zeroed.split()[2:] == ["0"] * 5


def test_network_address_translation(bench: Bench) -> None:
    bench.run(bench.director, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    serve(bench, "-m")
    bench.run(bench.server, "ip", "link", "del", "veth20")
    bench.run(bench.server, "ip", "route", "add", "default", "via", DIRECTOR, "dev", LEG)
    assert bench.has_tried() == DATA


def test_a_tunnel(bench: Bench) -> None:
    serve(bench, "-i")
    bench.run(bench.server, "modprobe", "-q", "ipip")
    assert bench.has_tried() == DATA


if SOURCE in os.environ:  # else there is no script, and so no test

    def test_the_kernels_script_as_it_is(programs: Path) -> None:
        folder = Path(os.environ[SOURCE], "tools/testing/selftests")
        script = next(path for name in SCRIPTS if (path := folder / name).exists())
        done = subprocess.run(
            ("bash", script.name),
            cwd=script.parent,
            env=environment(programs),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert (done.returncode, "PASS" in done.stdout) == (0, True), f"{done.stdout}\n{done.stderr}"
