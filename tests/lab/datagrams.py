# SPDX-License-Identifier: Apache-2.0
"""Datagrams that prove what arrived, in a lab's nodes.

python datagrams.py serve PORT ADDRESS... answers each with its SHA-256, from the address it came to;
python datagrams.py ask ADDRESS PORT FILE COUNT sends a file's bytes, and prints the answers.
"""

from __future__ import annotations

import hashlib
import selectors
import socket
import sys
from pathlib import Path

LARGEST = 65_535


def bound(address: str, port: int) -> socket.socket:
    """Open a socket for an address of either family."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    it = socket.socket(family, socket.SOCK_DGRAM)
    it.bind((address, port))
    return it


def serve(port: int, *addresses: str) -> None:
    """Answer for ever."""
    with selectors.DefaultSelector() as selector:
        for address in addresses:
            selector.register(bound(address, port), selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                said, asker = key.fileobj.recvfrom(LARGEST)
                key.fileobj.sendto(hashlib.sha256(said).hexdigest().encode(), asker)


def ask(address: str, port: int, content: bytes, count: int) -> None:
    """Send this as a datagram, each time from a port of its own, and print what is answered."""
    for _ in range(count):
        with bound("::" if ":" in address else "0.0.0.0", 0) as it:
            it.settimeout(3)
            it.connect((address, port))
            it.send(content)
            print(it.recv(LARGEST).decode())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), *sys.argv[3:])
    else:
        ask(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]).read_bytes(), int(sys.argv[5]))
