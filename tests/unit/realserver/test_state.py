# SPDX-License-Identifier: Apache-2.0
"""The memory between runs: read as it was written, and believed only where it belongs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from netaddr import IPAddress, IPNetwork

from realserver import state
from realserver.errors import StateError
from realserver.settings import (
    ABSENT,
    Decap,
    DecapKey,
    Duty,
    Hop,
    LedgerEntry,
    LinkKey,
    LinkState,
    Method,
    Port,
    Route,
    RouteKey,
    Served,
    SysctlKey,
    Transport,
    Tunnels,
    TunnelType,
    Wanted,
)

DUTY = Duty(
    Method.TUN, IPAddress("192.0.2.1"), "eth0.5", endpoints=(IPAddress("10.0.0.2"),), mtu=1500,
    tunnels=Tunnels((TunnelType.GUE,), 7000), ports=(Port(Transport.TCP, 80),),
)  # fmt: skip
ROUTE = Route(
    IPAddress("10.0.0.1"), "eth0", metrics=(("advmss", 1440), ("cc_algo", "cubic")),
    hops=(Hop(None, "eth1", 2),),
)  # fmt: skip
MEMORY = state.Memory(
    Wanted((DUTY,)),
    (
        LedgerEntry(SysctlKey("ipv4", "eth0.5", "arp_ignore"), "0", ("1",)),
        LedgerEntry(RouteKey(254, IPNetwork("0.0.0.0/0"), 0), ABSENT, (ROUTE,)),
        LedgerEntry(LinkKey("tunl0"), LinkState.DOWN, (LinkState.UP,)),
        LedgerEntry(DecapKey("eth0.5"), ABSENT, (Decap.of(DUTY.endpoints, (Served(DUTY.vip),)),)),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_memory_is_read_as_it_was_written(path: Path) -> None:
    state.write(path, MEMORY)
    assert state.read(path) == MEMORY


def test_nothing_to_remember_is_no_file(path: Path) -> None:
    state.write(path, MEMORY)
    state.write(path, state.Memory())
    assert (state.read(path), list(path.parent.iterdir())) == (state.Memory(), [])


def changed(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_file_of_an_earlier_boot_tells_of_nothing(path: Path) -> None:
    state.write(path, MEMORY)
    changed(path, boot="another")
    assert state.read(path) == state.Memory()


def test_file_of_another_network_namespace_is_refused(path: Path) -> None:
    state.write(path, MEMORY)
    changed(path, namespace="netns-0")
    with pytest.raises(StateError, match="belongs to another network namespace: give another --state FILE"):
        state.read(path)


def test_file_of_another_format_is_refused(path: Path) -> None:
    state.write(path, MEMORY)
    changed(path, format=99)
    with pytest.raises(StateError, match="has format 99, this program writes 1"):
        state.read(path)


DAMAGES = (
    "",
    "{",
    "[]",
    "{}",
    '{"format": 1, "boot": "", "namespace": "", "want": {"is": "Gone"}, "ledger": []}',
)


@pytest.mark.parametrize("text", DAMAGES)
def test_damaged_file_is_refused_in_words(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(StateError, match=r"is damaged .*: move it away to start afresh"):
        state.read(path)


def test_file_that_cannot_be_written_is_an_error_of_the_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"cannot write the state file .*: No such file or directory"):
        state.write(tmp_path / "gone" / "state.json", MEMORY)
