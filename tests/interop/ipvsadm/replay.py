# SPDX-License-Identifier: Apache-2.0
"""Puts the recorded sessions to our ipvsadm, in one process: the grammar, the listings and the control API.

The director behind the API is one without packets; it keeps what it is told and answers with no connection.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from netaddr import IPAddress

from director.ipvsadm.carrying import Ipvsadm
from director.ipvsadm.director import Director
from director.model.configuration import Configuration, Settings
from director.model.connection import ConnectionPage, ConnectionQuery
from director.model.counters import ServiceStats
from director.model.service import Protocol, ServiceKey
from tests.interop.ipvsadm.session import HOSTS, PORTS, Answer, Session
from tests.unit.control.fake import FakeDirector
from tests.unit.control.running import running

RECORDING = Path(__file__).parent / "recording.json"
KERNELS_TABLE = 4096  # what kernel IPVS prints as the size of its table: ours is made as large


@cache
def recorded() -> dict[str, tuple[Answer, ...]]:
    """Return what the real ipvsadm answered, by the name of the session."""
    found = json.loads(RECORDING.read_text())
    del found["kernel"]
    return {name: tuple(Answer(*each) for each in answers) for name, answers in found.items()}


@dataclass(frozen=True, slots=True)
class FileNames:
    """The names that the guest had."""

    @staticmethod
    def address(host: str) -> IPAddress | None:
        found = (IPAddress(line.split()[0]) for line in HOSTS.splitlines() if host in line.split()[1:])
        return next((each for each in found if each.version == 4), None)

    @staticmethod
    def host(address: IPAddress) -> str | None:
        lines = (line.split() for line in HOSTS.splitlines())
        return next((words[1] for words in lines if words[0] == str(address)), None)

    @staticmethod
    def port(name: str, transport: Protocol) -> int | None:
        return next((port for port, names in _ports(transport) if name in names), None)

    @staticmethod
    def service(port: int, transport: Protocol) -> str | None:
        return next((names[0] for each, names in _ports(transport) if each == port), None)


def _ports(transport: Protocol) -> Iterator[tuple[int, list[str]]]:
    for line in PORTS.splitlines():
        name, where, *also = line.split()
        port, _, protocol = where.partition("/")
        if protocol == transport.value:
            yield int(port), [name, *also]


class EmptyDirector(FakeDirector):
    """A director that was told nothing yet and has no connection."""

    def __init__(self) -> None:
        super().__init__(Configuration(settings=replace(Settings(), connections=KERNELS_TABLE)))

    async def connections(self, query: ConnectionQuery) -> ConnectionPage:
        return ConnectionPage((), 0)

    async def stats(self, service: ServiceKey) -> ServiceStats | None:
        return None


@contextlib.contextmanager
def director(path: Path) -> Iterator[Director]:
    """Serve an empty director and return ipvsadm's way to it."""
    with running(path, EmptyDirector()) as server:
        yield Director(server.client, lambda name: name == "lo")


def answers(session: Session, path: Path) -> tuple[Answer, ...]:
    """Put a session to our ipvsadm."""
    with director(path) as asked:
        return tuple(call(asked, step.words, step.stdin) for step in session.steps)


def call(asked: Director, words: tuple[str, ...], stdin: str) -> Answer:
    stdout, stderr = io.StringIO(), io.StringIO()
    program = Ipvsadm("ipvsadm", asked, FileNames(), io.StringIO(stdin), stdout, stderr)
    status = program.call(words)
    return Answer(stdout.getvalue(), stderr.getvalue(), status)
