# SPDX-License-Identifier: Apache-2.0
"""What a kernel backup makes of datagrams, our backup makes of them too, to the last lie in them."""

from __future__ import annotations

from typing import Any

import pytest
from director.datapath._native import ffi, lib

from director.datapath.memory import Memory
from director.datapath.synchronising import SyncTable
from director.model import Configuration, Destination, ServiceKey, VirtualService
from director.model.connection import ConnectionQuery
from director.model.service import endpoint
from director.sync.entries import Translator, makes_sense
from director.sync.message import Entry, read
from director.tables.ids import IdRegistry
from director.tables.image import compile_image
from tests.interop.sync import recording
from tests.interop.sync.backups import BACKUPS, SYNCID, Backup
from tests.interop.sync.exchanges import exchanges

SETS = 64
Row = tuple[str, ...]
LATER = "a service that comes later"
"""The kernel counts such a connection with its next packet only, we at once."""

AT_ONE, AT_TWO = (
    ("TCP", "ASSURED", "198.51.100.7:0", "192.0.2.1:80", f"10.0.0.{host}:80") for host in (11, 12)
)
OTHERWISE: dict[str, tuple[Row, Row | None]] = {
    "a template to another server": (AT_ONE, AT_TWO),
    "a template in a state that there is not, between others": (("TCP", "ERR!", *AT_ONE[2:]), None),
    "a template of a protocol that there is not, between others": (("ICMP", *AT_ONE[1:]), None),
}
"""What the kernel has, and we in its place: the server told last, and nothing of what there is not."""


class Heard:
    """A backup without a socket."""

    def __init__(self) -> None:
        self._raw = ffi.gc(lib.lb_datapath_new(SETS, 1, 9), lib.lb_datapath_free)
        self._ids = IdRegistry()
        self.configuration = Configuration()
        self._memory = Memory(self._raw, SETS, self._ids.holder)
        self._table = SyncTable(lambda: self._raw, SETS)
        self._unknown: list[Entry] = []

    def destination_of(self, number: int) -> tuple[ServiceKey, Destination] | None:
        return self._ids.holder(number)

    def numbered(self, key: ServiceKey) -> Any:
        return self._ids.of(key)

    def apply(self, services: tuple[VirtualService, ...]) -> None:
        self.configuration = Configuration(services)
        for service in services:
            self._ids.assign(service)
        image = compile_image(self.configuration, {})
        assert lib.lb_datapath_swap(self._raw, image, len(image)) == 0
        waited, self._unknown = self._unknown, []
        self._enter(waited)

    def hear(self, datagram: bytes) -> None:
        reading = read(datagram)
        if reading.syncid == SYNCID:
            self._enter(list(reading.entries))

    def _enter(self, entries: list[Entry]) -> None:
        translator = Translator(self)
        for entry in entries:
            flow = translator.flow(entry) if makes_sense(entry) else None
            if flow is not None:
                self._table.enter(flow, None)
            elif makes_sense(entry):
                self._unknown.append(entry)

    def listing(self) -> set[Row]:
        """List connections as `ipvsadm -Lnc` does, without their time."""
        return {
            (
                each.protocol.value.upper() if each.protocol else "IP",
                each.state.value,
                *(str(one) for one in (each.client, each.virtual, each.destination)),
            )
            for each in self._memory.connections(ConnectionQuery(templates=True)).entries
        }

    def loads(self) -> set[tuple[str, str, int, int]]:
        found = set()
        for service in self.configuration.services:
            numbered = self.numbered(service.key)
            for destination, number in zip(service.destinations, numbered[1].destinations, strict=True):
                active, inactive, _ = self._memory.destination_connections(number)
                found.add((_hex(service.key), _hex(destination), active, inactive))
        return found


def _hex(where: ServiceKey | Destination) -> str:
    """Write a mark, or an address and a port, as /proc/net/ip_vs does."""
    if isinstance(where, ServiceKey) and where.mark:
        return f"{where.mark:08X}"
    words = where.address.packed.hex().upper()
    if where.address.version == 6:
        groups = [words[at : at + 4].lower() for at in range(0, 32, 4)]
        words = f"[{':'.join(groups)}]"
    return f"{words}:{where.port:04X}"


@pytest.fixture(params=BACKUPS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(backup: Backup) -> Heard:
    heard = Heard()
    heard.apply(backup.services)
    for datagram in backup.datagrams:
        heard.hear(datagram)
    if backup.later:
        heard.apply(backup.later)
    return heard


def test_the_connections_are_the_kernels(name: str) -> None:
    theirs = {(row[0], *row[2:]) for row in map(str.split, recording.read()[f"backup: {name}"]["entries"])}
    kernels, ours = OTHERWISE.get(name, (None, None))
    assert kernels is None or kernels in theirs
    wanted = theirs - {kernels} | ({ours} if ours else set())
    assert told(BACKUPS[name]).listing() == wanted


def test_the_counts_are_the_kernels(name: str) -> None:
    rows = recording.read()[f"backup: {name}"]["loads"]
    theirs = {(row[0].split()[1], row[1], int(row[2]), int(row[3])) for row in rows}
    ours = told(BACKUPS[name]).loads()
    if name == LATER:
        assert {row[:2] for row in ours} == {row[:2] for row in theirs}
        assert (sum(row[2] for row in theirs), sum(row[2] for row in ours)) == (0, 1)
    else:
        assert ours == theirs


def test_the_recording_is_of_these_exchanges() -> None:
    assert set(recording.read()) == {"kernel", *(each["name"] for each in exchanges())}
    assert endpoint(BACKUPS["states"].services[0].key.address, 80) == "192.0.2.1:80"
