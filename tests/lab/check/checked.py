# SPDX-License-Identifier: Apache-2.0
"""A director's host on a bridge with a client and a server, and `director` as a program on it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.realserver_network import ROOT, Node, join, network

PROGRAM = str(Path(sys.executable).with_name("director"))
VIP = "192.0.2.1"
FILE = """
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
[[service.destination]]
address = "10.0.0.3:80"
method = "{method}"
"""
DEADLINE = 20.0
LISTENING = 1.0  # seconds that a connection may take


@dataclass(frozen=True, slots=True)
class Scene:
    """Three hosts; `bridge` joins them by ports named port1 (the director's), port2 and port3."""

    bridge: Node
    director: Node
    client: Node
    server: Node
    directory: Path

    @property
    def socket(self) -> str:
        return str(self.directory / "c.sock")

    @property
    def entering(self) -> str:
        """Say how to be where the bridge is."""
        return f"ip netns exec {self.bridge.name} "

    def file(self, method: str = "dr") -> str:
        """Write a configuration with one service and one server."""
        path = self.directory / "director.toml"
        path.write_text(FILE.format(method=method))
        return str(path)

    def check(self, *arguments: str, privileges: tuple[str, ...] = ()) -> tuple[int, str]:
        done = self.director.execute(
            PROGRAM, "check", "--socket", self.socket, *arguments, privileges=privileges
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def findings(self, *arguments: str) -> list[str]:
        """Return what a check finds of the host, each in a line."""
        told = self._found(*arguments)
        return ["{level}: {about}: {what} | {means} | {remedy}".format(**one) for one in told]

    def remedies(self, *arguments: str) -> list[str]:
        return [one["remedy"] for one in self._found(*arguments)]

    def _found(self, *arguments: str) -> list[dict[str, str]]:
        """Return what is found but for that no director runs, which is so in most scenes."""
        status, text = self.check("--json", *arguments)
        told = json.loads(text)
        assert (told["ok"], status) in ((True, 0), (False, 1))
        return [one for one in told["findings"] if one["about"] != "director"]

    def shell(self, command: str) -> None:
        """Do what an operator would, on the director's host."""
        done = self.director.execute("sh", "-ec", command)
        assert done.returncode == 0, done.stderr

    def port(self, *settings: str) -> None:
        """Set offloads of the peer of the director's interface."""
        done = self.bridge.execute("ethtool", "-K", "port1", *settings)
        assert done.returncode == 0, done.stderr

    def is_answered(self) -> bool:
        """Say whether a client's connection to the VIP is answered by the server."""

        def call() -> bytes:
            with socket.create_connection((VIP, 80), timeout=LISTENING) as calling:
                return calling.recv(5)

        with contextlib.suppress(OSError):
            return self.client.inside(call) == b"hello"
        return False

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Have the server answer for the VIP, and the client know the way."""
        self.server.up("--vip", VIP, "--method", "dr", "--interface", "eth0")
        self.client.ip("route", "add", f"{VIP}/32", "via", "10.0.0.1")
        listening = self.server.inside(lambda: socket.create_server(("", 80)))
        thread = threading.Thread(target=_greet, args=(listening,))
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE)
            listening.close()

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a director at work that knows its server."""
        command = ("ip", "netns", "exec", self.director.name, PROGRAM, "run", "--socket", self.socket)
        with (
            (self.directory / "log").open("w") as log,
            subprocess.Popen([*command, *arguments], stderr=log, cwd=ROOT) as process,
        ):
            try:
                self._until_resolved(process)
                yield process
            finally:
                process.terminate()

    def _until_resolved(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + DEADLINE
        while (
            '"resolved"'
            not in self.director.execute(PROGRAM, "--socket", self.socket, "status", "--json").stdout
        ):
            log = (self.directory / "log").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < end, log
            time.sleep(0.05)


def _greet(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            accepted, _ = listening.accept()
            with accepted:
                accepted.sendall(b"hello")


@contextlib.contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    with network(directory, "bridge", "director", "client", "server") as (bridge, *nodes):
        bridge.ip("link", "add", "br0", "type", "bridge")
        bridge.ip("link", "set", "br0", "up")
        for number, node in enumerate(nodes, 1):
            join(node, "eth0", f"10.0.0.{number}/24", bridge, f"port{number}", f"10.9.{number}.1/24")
            bridge.ip("link", "set", f"port{number}", "master", "br0")
        director, client, server = nodes
        yield Scene(bridge, director, client, server, directory)
