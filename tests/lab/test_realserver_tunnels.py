# SPDX-License-Identifier: Apache-2.0
"""The unwrapping program against the tunnels of a kernel director: every kind, either family in either.

realserver_tunnels.json holds what kernel IPVS (6.1) sent for one TCP SYN, for each --tun-type and option: a
whole packet, one that is marked as congested, and one whose checksum was left to the hardware. On a virtual
link such a checksum, and the tunnel's own, come partial. Each frame is compared to the byte behind the
program, and the stack's reset says that it took the packet.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from realserver.bpf import Reason, read_counts
from realserver.host import Host
from tests.lab.realserver_network import join, network, packet_socket
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bpf", "clsact", "ip")]

FRAMES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("realserver_tunnels.json").read_text()
)["frames"]
VIPS = {"4": "192.0.2.1", "6": "2001:db8:1::1"}
CLIENTS = {"4": "198.51.100.7", "6": "2001:db8:99::7"}
SERVERS = {"4": "10.0.0.11", "6": "2001:db8:2::11"}
DIRECTORS = {"4": "10.0.0.1", "6": "2001:db8:2::1"}
TYPES = {"4": 0x0800, "6": 0x86DD}


def syn(family: str, *, marked: bool = False) -> Packet:
    """Say what the client sent, one hop on."""
    ttl, tos = (0x20, 0xFF) if marked else (63, 0)
    ip: Packet
    if family == "4":
        ip = IP(src=CLIENTS["4"], dst=VIPS["4"], ttl=ttl, tos=tos, id=0x1234, flags=0 if marked else "DF")
    else:
        ip = IPv6(src=CLIENTS["6"], dst=VIPS["6"], hlim=ttl, tc=tos)
    return ip / TCP(sport=1000, dport=80, flags="S", seq=7)


def with_partial_checksum(packet: Packet, frame: bytes) -> bytes:
    """Put back the checksum that came in the frame: a SYN ends with it, and no urgency."""
    return bytes(packet)[:-4] + frame[-4:]


@dataclass(frozen=True)
class Wire:
    """The director's end of a cable, and sockets at the server that hear what the program leaves."""

    raw: socket.socket
    behind: dict[str, socket.socket]
    program: int
    macs: bytes

    def unwrapped(self, frame: bytes, family: str) -> bytes:
        """Send a frame to the server and return what its stack was handed of it, from the Ethernet type on.

        Whatever else comes over the cable, such as the director's own multicast listener reports, has
        another address.
        """
        self.send(frame)
        while True:
            heard = self.behind[family].recv(2048)
            if heard[:12] == self.macs:
                return heard[12:]

    def send(self, frame: bytes) -> None:
        self.raw.send(self.macs + frame[12:])

    def resets(self, family: str) -> bool:
        """Wait for the server's reset from the VIP to the client."""
        while True:
            packet = Ether(self.raw.recv(2048))
            layer = IP if family == "4" else IPv6
            if TCP not in packet or layer not in packet:
                continue
            if packet[layer].src == VIPS[family] and packet[layer].dst == CLIENTS[family]:
                return "R" in packet[TCP].flags

    def counts(self) -> dict[Reason, int]:
        return {count.reason: count.packets for count in read_counts(self.program) if count.packets}


@contextlib.contextmanager
def laid(directory: Path, *asked: str) -> Iterator[Wire]:
    """Lay the cable, and make its far end a real server for both VIPs."""
    with network(directory, "director", "server") as (director, server):
        join(director, "eth0", f"{DIRECTORS['4']}/24", server, "eth0", f"{SERVERS['4']}/24")
        director.ip("address", "add", f"{DIRECTORS['6']}/64", "dev", "eth0", "nodad")
        server.ip("address", "add", f"{SERVERS['6']}/64", "dev", "eth0", "nodad")
        for own in DIRECTORS.values():
            server.ip("route", "add", "default", "via", own)
            server.ip("neigh", "replace", own, "lladdr", director.mac("eth0"), "dev", "eth0")
        server.up("--vip", VIPS["4"], "--vip", VIPS["6"], "--method", "tun", "--decap", "ebpf", *asked)
        macs = bytes.fromhex((server.mac("eth0") + director.mac("eth0")).replace(":", ""))
        raw = director.inside(lambda: packet_socket("eth0"))
        behind = {family: server.inside(partial(bound, kind)) for family, kind in TYPES.items()}
        with raw, behind["4"], behind["6"]:
            yield Wire(raw, behind, server.inside(program_id), macs)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with laid(tmp_path_factory.mktemp("wire")) as wire:
        yield wire


def program_id() -> int:
    with Host() as host:
        return host.decap_program("eth0")


def bound(kind: int) -> socket.socket:
    """Open a socket for one Ethernet type: the kernel serves those behind its ingress programs."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    heard.bind(("eth0", kind))
    heard.settimeout(5)
    return heard


def inner_of(name: str) -> str:
    return name.split()[1].removeprefix("in")


@pytest.mark.parametrize("name", FRAMES)
def test_whole_packet_comes_out_to_the_byte_and_the_stack_takes_it(wire: Wire, name: str) -> None:
    family = inner_of(name)
    before = wire.counts().get(Reason.UNWRAPPED, 0)
    got = wire.unwrapped(bytes.fromhex(FRAMES[name]["whole"]), family)
    assert got == TYPES[family].to_bytes(2, "big") + bytes(syn(family))
    assert wire.resets(family)
    assert wire.counts() == {Reason.UNWRAPPED: before + 1}


@pytest.mark.parametrize("name", FRAMES)
def test_marked_packet_keeps_its_mark(wire: Wire, name: str) -> None:
    family = inner_of(name)
    got = wire.unwrapped(bytes.fromhex(FRAMES[name]["marked"]), family)
    assert got == TYPES[family].to_bytes(2, "big") + bytes(syn(family, marked=True))
    assert wire.resets(family)


@pytest.mark.parametrize("name", FRAMES)
def test_checksum_that_was_left_to_the_hardware_is_completed_where_the_tunnel_says_so(
    wire: Wire, name: str
) -> None:
    family = inner_of(name)
    frame = bytes.fromhex(FRAMES[name]["partial"])
    got = wire.unwrapped(frame, family)
    whole = bytes(syn(family))
    expected = whole if name.startswith("gue+r") else with_partial_checksum(syn(family), frame)
    assert (got[2:], expected == whole) == (expected, name.startswith("gue+r"))
    assert not name.startswith("gue+r") or wire.resets(family)


@pytest.mark.parametrize("name", [name for name in FRAMES if "+" in name])
def test_tunnels_checksum_that_is_wrong_drops_the_packet(wire: Wire, name: str) -> None:
    """The inner packet is whole, so the tunnel's own checksum alone can tell."""
    family = inner_of(name)
    frame = bytes.fromhex(FRAMES[name]["whole"])
    at = (14 + (20 if name.endswith("out4") else 40)) + (4 if name.startswith("gre") else 6)
    broken = frame[:at] + b"\xbe\xef" + frame[at + 2 :]
    before = wire.counts().get(Reason.TUNNEL_BAD, 0)
    wire.send(broken)
    assert wire.unwrapped(frame, family)[2:] == bytes(syn(family))
    assert wire.counts()[Reason.TUNNEL_BAD] == before + 1


ASKED = {
    ("gre",): {Reason.UNWRAPPED: 8, Reason.OTHER_VIP: 4},
    ("gue", "--tunnel-port", "7000"): {Reason.OTHER_VIP: 12},
    ("gue", "--tunnel", "ipip"): {Reason.UNWRAPPED: 16, Reason.OTHER_VIP: 8},
}


@pytest.mark.parametrize("asked", ASKED)
def test_only_the_tunnels_that_were_asked_for_are_unwrapped(tmp_path: Path, asked: tuple[str, ...]) -> None:
    """Datagrams to a port where no tunnel was asked for are not even counted."""
    with laid(tmp_path, "--tunnel", *asked) as wire:
        for name in FRAMES:
            wire.send(bytes.fromhex(FRAMES[name]["whole"]))
        assert wire.counts() == ASKED[asked]
