# SPDX-License-Identifier: Apache-2.0
"""Ask the running director through its socket, as its own command line does, with a clock at hand."""

import http.client
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from lab import LabError

PATIENCE = 120.0
JSON, TOML = "application/json", "application/toml"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, and how long it took from the request's first byte to the answer's last."""

    data: bytes
    seconds: float


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("director", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect by way of the directory's descriptor: a socket's name has to be short."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        directory = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")
        finally:
            os.close(directory)


@dataclass(frozen=True, slots=True)
class Director:
    """The control socket of a director; each request has a connection of its own."""

    socket: Path

    def ask(self, method: str, target: str, body: bytes | None = None, kind: str = JSON) -> Answer:
        """Make one request; LabError when it is refused."""
        connection = _Connection(self.socket)
        began = time.perf_counter()
        try:
            connection.request(method, target, body, {"Content-Type": kind} if body else {})
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise LabError(f"{method} {target}: {response.status} {data[:200]!r}")
        return Answer(data, time.perf_counter() - began)

    def set_weight(self, destination: str, weight: int) -> Answer:
        return self.ask("PATCH", destination, json.dumps({"weight": weight}).encode())

    def reaches(self, service: str) -> bool:
        """Tell whether the ways to all of a service's servers are known."""
        hops = json.loads(self.ask("GET", f"/v1/status?service={service}").data)["next_hops"]
        return all(hop["state"] == "resolved" for hop in hops)

    def used(self) -> int:
        """Count the connections that live now."""
        return int(json.loads(self.ask("GET", "/v1/connections?count=true").data)["total"])
