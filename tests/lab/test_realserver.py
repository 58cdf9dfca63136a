# SPDX-License-Identifier: Apache-2.0
"""`realserver` in real namespaces: clients reach servers by each method, ARP is silent, undoing is exact."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from netaddr import IPAddress

from realserver.arp import ask_segment
from realserver.host import Host
from tests.lab.realserver_encapsulator import Encapsulator
from tests.lab.realserver_network import ROOT, Node, join, network
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "ip", "tc")]

VIP = "192.0.2.1"
BODY = bytes(range(256)) * 8192  # 2 MiB


@dataclass(frozen=True, slots=True)
class Path3:
    """client - middle (a router or director) - server."""

    client: Node
    middle: Node
    server: Node


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path3]:
    with network(tmp_path, "client", "middle", "server") as (client, middle, server):
        join(client, "eth0", "10.1.0.2/24", middle, "client", "10.1.0.1/24")
        join(middle, "server", "10.0.0.1/24", server, "eth0", "10.0.0.2/24")
        client.ip("route", "add", "default", "via", "10.1.0.1")
        server.ip("route", "add", "default", "via", "10.0.0.1")
        middle.set("ipv4/ip_forward", "1")
        yield Path3(client, middle, server)


class Service(http.server.BaseHTTPRequestHandler):
    """Gives BODY to a GET, and takes as much from a PUT; remembers who asked."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(BODY)

    def do_PUT(self) -> None:
        received = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"whole" if received == BODY else b"broken")

    def _answer(self, body: bytes) -> None:
        self.asked.append(self.client_address[0])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextlib.contextmanager
def serving(node: Node, address: str) -> Iterator[list[str]]:
    """Serve HTTP inside a namespace; the list fills with the clients' addresses."""
    asked: list[str] = []
    handler = type("Remembering", (Service,), {"asked": asked})
    server = node.inside(lambda: http.server.ThreadingHTTPServer((address, 80), handler))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def connected(node: Node, address: str, timeout: float = 10) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(address, 80, timeout=timeout)
    try:
        node.inside(connection.connect)
        yield connection
    finally:
        connection.close()


def exchange(connection: http.client.HTTPConnection) -> tuple[bytes, bytes]:
    """Upload and download, and return both answers."""
    connection.request("PUT", "/", BODY)
    uploaded = connection.getresponse().read()
    connection.request("GET", "/")
    return uploaded, connection.getresponse().read()


@contextlib.contextmanager
def tunnelled(path: Path3, *offloads: str) -> Iterator[Encapsulator]:
    """Set the client's offloads, bring the server up for a tunnel, and carry the VIP's packets through it."""
    assert path.client.execute("ethtool", "-K", "eth0", "tso", "off", "gso", "off", *offloads).returncode == 0
    path.server.up("--vip", VIP, "--method", "tun", "--decap", "ebpf", "--tunnel", "ipip")
    path.middle.ip("route", "add", "blackhole", VIP)  # the encapsulator alone may carry it on
    mac = path.server.mac("eth0")
    with Encapsulator(path.middle, IPAddress(VIP), "10.0.0.1", "10.0.0.2", mac) as tunnel:
        yield tunnel


@needs("bpf", "clsact", "ethtool")
@pytest.mark.parametrize("checksums", ["on", "off"])
def test_tcp_works_through_a_tunnel_and_segments_fit_it(path: Path3, checksums: str) -> None:
    with (
        tunnelled(path, "tx", checksums) as tunnel,
        serving(path.server, VIP) as asked,
        connected(path.client, VIP) as connection,
    ):
        answers = exchange(connection)
    assert answers == (b"whole", BODY)
    assert asked == ["10.1.0.2", "10.1.0.2"]
    assert tunnel.largest == 1480  # and the outer header's 20 make the path's 1500
    assert tunnel.checksums_were_partial is (checksums == "on")
    assert set(path.server.counts()) == {"unwrapped"}


@needs("bpf", "clsact", "ethtool")
def test_tcp_works_when_the_server_receives_super_frames(path: Path3) -> None:
    """A veth merges on receipt only what comes from an end that would not have sent it merged."""
    assert path.middle.execute("ethtool", "-K", "server", "tso", "off").returncode == 0
    assert path.server.execute("ethtool", "-K", "eth0", "gro", "on").returncode == 0
    merging = "echo 1000000 > /sys/class/net/eth0/gro_flush_timeout"
    assert path.server.execute("sh", "-c", merging).returncode == 0
    with tunnelled(path), serving(path.server, VIP), connected(path.client, VIP) as connection:
        answers = exchange(connection)
    (program,) = json.loads(path.server.realserver("status", "--json").stdout)["decapsulation"]
    unwrapped = program["counts"]["unwrapped"]
    assert answers == (b"whole", BODY)
    assert unwrapped["bytes"] / unwrapped["packets"] > 2 * 1514


def test_tcp_works_by_direct_route_and_arp_stays_silent(path: Path3) -> None:
    path.server.up("--vip", VIP, "--method", "dr")
    path.middle.ip(
        "neighbour", "add", VIP, "lladdr", path.server.mac("eth0"), "dev", "server", "nud", "permanent"
    )
    path.middle.ip("route", "add", VIP, "dev", "server")
    with serving(path.server, VIP) as asked, connected(path.client, VIP) as connection:
        assert exchange(connection) == (b"whole", BODY)
    assert asked == ["10.1.0.2", "10.1.0.2"]
    assert who_answers(path.middle, "server", VIP) == frozenset()


def test_vip_on_lo_alone_would_have_been_answered_for(path: Path3) -> None:
    path.server.ip("address", "add", f"{VIP}/32", "dev", "lo")
    answerers = {str(mac).replace("-", ":").lower() for mac in who_answers(path.middle, "server", VIP)}
    assert answerers == {path.server.mac("eth0")}
    path.server.up("--vip", VIP, "--method", "dr")
    assert who_answers(path.middle, "server", VIP) == frozenset()


def who_answers(node: Node, interface: str, address: str) -> frozenset[object]:
    def ask() -> frozenset[object]:
        with Host() as host:
            asking = host.observe().interface(interface)
        assert asking is not None
        answers = ask_segment(asking, (IPAddress(address),))
        assert answers.fault is None
        return frozenset(answers.by_address[IPAddress(address)])

    return node.inside(ask)


def test_nat_sends_replies_through_the_director_until_it_is_undone(path: Path3) -> None:
    path.server.ip("route", "replace", "default", "via", "10.0.0.254", "metric", "100")
    path.server.ip("route", "delete", "default", "via", "10.0.0.1")
    with serving(path.server, "10.0.0.2") as asked:
        path.server.up("--vip", VIP, "--method", "nat", "--director", "10.0.0.1")
        with connected(path.client, "10.0.0.2") as connection:
            assert exchange(connection) == (b"whole", BODY)
        path.server.down()
        with pytest.raises(TimeoutError), connected(path.client, "10.0.0.2", timeout=1):
            pass
    assert asked == ["10.1.0.2", "10.1.0.2"]


def test_nat_by_source_routes_only_that_address_through_the_director(path: Path3) -> None:
    path.server.ip("address", "add", "10.0.0.3/24", "dev", "eth0")
    path.server.ip("route", "replace", "default", "via", "10.0.0.254")
    path.server.up("--vip", VIP, "--method", "nat", "--director", "10.0.0.1", "--source", "10.0.0.3")
    ways = [path.server.ip("route", "get", "10.1.0.2", "from", source) for source in ("10.0.0.2", "10.0.0.3")]
    assert [re.findall(r"via (\S+)", way) for way in ways] == [["10.0.0.254"], ["10.0.0.1"]]


UNDONE = (
    ("--vip", VIP, "--method", "dr"),
    ("--vip", "2001:db8::1", "--method", "dr"),
    ("--vip", VIP, "--vip", "192.0.2.2", "--method", "tun"),
    ("--vip", "192.0.2.3", "--method", "tun", "--mtu", "1400"),
    ("--vip", "192.0.2.4", "--method", "nat", "--director", "10.0.0.1"),
    ("--vip", "2001:db8::4", "--method", "nat", "--director", "2001:db8:0:1::1"),
    ("--vip", "192.0.2.5", "--method", "nat", "--director", "10.0.0.1", "--source", "10.0.0.2"),
)
ODD_ROUTES = (
    "10.2.0.0/16 via 10.0.0.7 dev eth0 proto static metric 5 mtu 1400 advmss 1400 initcwnd 20",
    "10.3.0.0/16 proto static nexthop via 10.0.0.8 dev eth0 weight 2 nexthop via 10.0.0.9 dev eth0 weight 3",
    "10.4.0.0/16 via 172.16.0.1 dev eth0 onlink src 10.0.0.2 proto dhcp metric 7 window 5000 rtt 10ms",
    "default via 10.0.0.254 dev eth0 proto dhcp metric 100",
)


@needs("bpf", "clsact")
def test_down_restores_exactly_what_was_there(path: Path3) -> None:
    server = path.server
    server.set("ipv4/conf/all/rp_filter", "1")
    server.set("ipv4/conf/eth0/rp_filter", "2")
    server.set("ipv4/conf/all/arp_announce", "1")
    server.ip("address", "add", "2001:db8:0:1::2/64", "dev", "eth0", "nodad")
    for route in ODD_ROUTES:
        server.ip("route", "add", *route.split())
    before = server.snapshot()
    for arguments in UNDONE:
        server.up(*arguments)
        assert server.up(*arguments) == "nothing to do\n"
    assert server.snapshot() != before
    server.down("--vip", VIP)
    server.down()
    assert server.snapshot() == before
    assert not server.state.exists()
    assert server.realserver("down").stdout == "nothing to do\n"


def test_dry_run_tells_every_step_and_takes_none(path: Path3) -> None:
    before = path.server.snapshot()
    told = path.server.up("--vip", VIP, "--method", "dr", "--dry-run")
    assert path.server.snapshot() == before
    assert not path.server.state.exists()
    planned = [re.sub(r"^ *\d+\. ", "", line) for line in told.splitlines()]
    assert planned == path.server.up("--vip", VIP, "--method", "dr").splitlines()


def test_units_capabilities_are_all_that_is_needed(path: Path3) -> None:
    unit = (ROOT / "realserver/systemd/realserver@.service").read_text()
    (granted,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    only = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in granted.split())
    privileges = ("setpriv", f"--bounding-set=-all,{only}")
    before = path.server.snapshot()
    for arguments in (("up", *UNDONE[2]), ("up", *UNDONE[4]), ("down",)):
        done = path.server.realserver(*arguments, privileges=privileges)
        assert (done.returncode, done.stderr) == (0, "")
    assert path.server.snapshot() == before


def test_without_privilege_one_line_says_so(path: Path3) -> None:
    done = path.server.realserver(
        "up", "--vip", VIP, "--method", "dr", privileges=("setpriv", "--bounding-set=-all")
    )
    assert (done.returncode, done.stderr) == (
        4, "realserver: this changes addresses, routes and kernel settings: run it as root, with sudo\n",
    )  # fmt: skip
