# SPDX-License-Identifier: Apache-2.0
"""A director's tunnel in a few lines, for the tests of `realserver`: wraps what comes in for a VIP.

Its packet sockets carry virtio headers, so partial checksums stay partial. It needs no ipip device,
and takes no super-frames: the kernel lets nobody send a wrapped one by a packet socket. It must not know how
`realserver` unwraps.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Self

from netaddr import IPAddress
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from tests.lab.realserver_network import Node, packet_socket

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
VNET = struct.Struct("=BBHHHH")  # flags, GSO type, header, GSO size, sum's start, offset
NEEDS_CHECKSUM = 1
OUTER = 20


@dataclass
class Encapsulator:
    """Wraps packets for `vip` that come in by one interface, and sends them on by another."""

    node: Node
    vip: IPAddress
    source: str
    endpoint: str
    next_hop: str
    entrance: str = "client"
    exit: str = "server"
    largest: int = 0
    checksums_were_partial: bool = False

    def __enter__(self) -> Self:
        self._in, self._out = (self._open(name) for name in (self.entrance, self.exit))
        self._stop_reader, self._stop_writer = socket.socketpair()
        self._ethernet = Ether(src=self.node.mac(self.exit), dst=self.next_hop, type=0x0800)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop_writer.close()
        self._thread.join()
        for each in (self._in, self._out, self._stop_reader):
            each.close()

    def _open(self, interface: str) -> socket.socket:
        raw = self.node.inside(lambda: packet_socket(interface))
        raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        return raw

    def _run(self) -> None:
        while self._stop_reader not in select.select([self._in, self._stop_reader], [], [])[0]:
            data = self._in.recv(VNET.size + 128 * 1024)
            frame = data[VNET.size :]
            if frame[12:14] == b"\x08\x00" and frame[30:34] == self.vip.packed:
                self._out.send(self._wrap(VNET.unpack(data[: VNET.size]), frame[14:]))

    def _wrap(self, header: tuple[int, ...], inner: bytes) -> bytes:
        flags, gso_type, _, _, start, offset = header
        assert gso_type == 0
        is_partial = bool(flags & NEEDS_CHECKSUM)
        self.largest = max(self.largest, len(inner))
        self.checksums_were_partial |= is_partial
        vnet = VNET.pack(flags, 0, 0, 0, start + OUTER if is_partial else 0, offset)
        outer = IP(src=self.source, dst=self.endpoint, proto=4, len=OUTER + len(inner))
        return vnet + bytes(self._ethernet / outer) + inner
