# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that proves what arrived: PUT answers with the body's SHA-256, GET /N sends N known bytes.

Runs in a real server's node, as a process of its own: python digest_server.py PORT NAME. The project's own
code has no part in it. Bytes are made by `content`, so that the other end can tell what to expect.
"""

from __future__ import annotations

import functools
import hashlib
import random
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 1 << 16


@functools.cache
def content(size: int) -> bytes:
    """Make `size` bytes that repeat nowhere, so that a block lost, doubled or moved is noticed."""
    return random.Random(size).randbytes(size)


def digest(size: int) -> str:
    """Return the SHA-256 of `content(size)`."""
    return hashlib.sha256(content(size)).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One connection; kept alive, as HTTP/1.1 has it."""

    protocol_version = "HTTP/1.1"
    name = ""

    def do_PUT(self) -> None:
        left, received = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            chunk = self.rfile.read(min(left, CHUNK))
            if not chunk:
                return
            received.update(chunk)
            left -= len(chunk)
        self._answer(f"{received.hexdigest()}\n".encode())

    def do_GET(self) -> None:
        self._answer(content(int(self.path.strip("/"))))

    def log_message(self, *arguments: object) -> None:
        """Say nothing: who asked is not what this server is for."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", self.name)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """It listens on every address of either family."""

    address_family = socket.AF_INET6


def main(port: int, name: str) -> None:
    Handler.name = name
    with Server(("::", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
