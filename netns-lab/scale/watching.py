# SPDX-License-Identifier: Apache-2.0
"""See by packets when an edit takes effect: new flows keep knocking, and the first that gets through tells.

Knows sockets and frames, not the control API: what is to be seen is done by a function it is given.
"""

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab import LabError
from lab.kernel import inside

INTERVAL = 0.0005
QUIET = 0.02
PATIENCE = 10.0
ETH_P_ALL, ETH_P_IP, UDP = 3, 0x0800, 17
CLIENT = IPv4Address("10.1.0.10")
FIRST_PORT, PORTS = 1024, 64_000
DESTINATION_AT = 30  # of the IPv4 header, in an Ethernet frame


def frame(mac: bytes, target: IPv4Address, port: int, number: int) -> bytes:
    """Build the UDP datagram of a flow of this number, without a UDP checksum, which IPv4 allows."""
    client, source_port = CLIENT + number // PORTS, FIRST_PORT + number % PORTS
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, UDP, 0, client.packed, target.packed)
    words = sum(struct.unpack("!10H", header))
    words = (words & 0xFFFF) + (words >> 16)
    header = header[:10] + struct.pack("!H", 0xFFFF - (words & 0xFFFF) - (words >> 16)) + header[12:]
    udp = struct.pack("!HHHH", source_port, port, 8, 0)
    return mac + bytes(6) + struct.pack("!H", ETH_P_IP) + header + udp


def packet_socket(namespace: str, interface: str) -> socket.socket:
    """Open a packet socket that stays in its namespace."""
    with inside(namespace):
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        opened.bind((interface, ETH_P_ALL))
    return opened


@dataclass(slots=True)
class Watch:
    """Flows that knock at a service, and the wire behind the director."""

    behind: socket.socket
    target: IPv4Address

    def effect(self, act: Callable[[], object]) -> float:
        """Act, and return the seconds until a packet got through. None may get through before."""
        self.drain()
        began = time.perf_counter()
        acting = threading.Thread(target=act)
        acting.start()
        arrived = self._arrival(PATIENCE)
        acting.join()
        if arrived is None:
            raise LabError(f"no packet for {self.target} got through within {PATIENCE:g} s of the edit")
        return arrived - began

    def drain(self) -> None:
        """Wait until nothing gets through any more."""
        end = time.perf_counter() + PATIENCE
        while self._arrival(QUIET) is not None:
            if time.perf_counter() > end:
                raise LabError(f"packets for {self.target} still get through")

    def _arrival(self, seconds: float) -> float | None:
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.behind.settimeout(left)
            try:
                data = self.behind.recv(128)
            except TimeoutError:
                return None
            if data[DESTINATION_AT : DESTINATION_AT + 4] == self.target.packed:
                return time.perf_counter()
        return None


@contextmanager
def watch(
    front: socket.socket, behind: socket.socket, mac: bytes, target: IPv4Address, port: int
) -> Iterator[Watch]:
    """Let new flows knock until the block ends."""
    over = threading.Event()

    def knock() -> None:
        for number in itertools.count():
            if over.wait(INTERVAL):
                return
            front.send(frame(mac, target, port, number))

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        yield Watch(behind, target)
    finally:
        over.set()
        knocking.join()
