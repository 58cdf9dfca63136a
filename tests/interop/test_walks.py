# SPDX-License-Identifier: Apache-2.0
"""The C data path takes every recorded walk to the state to which the kernel took it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from director.model import ForwardingMethod, Tunables
from tests.interop.lab import INTERFACES
from tests.interop.walked import recorded
from tests.interop.walks import FIRST_PORT, LOTS, Lot
from tests.packets.case import Arrival
from tests.packets.network import Setting, calls, setting, web
from tests.packets.user_host import UserHost

BATCH = 60  # walks, of which a listing shows 64


def given(lot: Lot) -> Setting:
    method = ForwardingMethod(lot.method)
    port = lot.protocol.ports[lot.method == "nat"]
    service = calls(method, port=port) if lot.protocol.name == "sctp" else web(method, port=port)
    tunables = Tunables(
        conn_reuse_mode=0,
        sloppy_tcp=1,
        sloppy_sctp=1,
        secure_tcp=3 if lot.secure else 0,
        schedule_icmp=int(lot.by_error),
    )
    return setting(service, tunables=tunables)


def walked(lot: Lot, first: int) -> Iterator[tuple[str, str]]:
    """Take a batch of walks, from this one on, and say where each has led."""
    host = UserHost()
    host.apply(given(lot))
    batch = lot.walks()[first : first + BATCH]
    for port, walk in enumerate(batch, start=FIRST_PORT):
        for end, frame in lot.frames(walk, port):
            host.handle(Arrival(INTERFACES[end], bytes(frame)), 0)
    states = {int(entry.client.rpartition(":")[2]): entry.state.value for entry in host.connections(0)}
    for port, walk in enumerate(batch, start=FIRST_PORT):
        yield " ".join(walk), states.get(port, "")


@pytest.mark.parametrize("lot", LOTS, ids=[lot.name for lot in LOTS])
def test_each_walk_leads_where_it_led_in_the_kernel(lot: Lot) -> None:
    firsts = range(0, len(lot.walks()), BATCH)
    assert dict(pair for first in firsts for pair in walked(lot, first)) == recorded(lot.name)
