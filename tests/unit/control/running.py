# SPDX-License-Identifier: Apache-2.0
"""A real control server on a real unix socket, around the fake director, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from director.control.client import Client
from director.control.server import ControlServer
from tests.unit.control.fake import FakeDirector

DEADLINE = 20.0
BODY_SECONDS = 0.3


@dataclass(frozen=True)
class Running:
    director: FakeDirector
    path: Path

    @property
    def client(self) -> Client:
        return Client(self.path, DEADLINE)

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return what comes back until the server hangs up."""
        with self._connected() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            return _everything(connection)

    def raw_and_away(self, data: bytes) -> bytes:
        """Send bytes, say that nothing follows, and return what comes back all the same."""
        with self._connected() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            return _everything(connection)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(str(self.path))
            yield connection


def _everything(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


@contextlib.contextmanager
def running(path: Path, director: FakeDirector | None = None) -> Iterator[Running]:
    director = director or FakeDirector()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = ControlServer(director, path, body_seconds=BODY_SECONDS)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(DEADLINE)
        try:
            yield Running(director, path)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(DEADLINE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.close()


def http(
    method: str, target: str, body: bytes = b"", kind: str = "application/json", more: str = ""
) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n{more}\r\n".encode() + body


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def json_of(answer: bytes) -> object:
    return json.loads(answer.partition(b"\r\n\r\n")[2])
