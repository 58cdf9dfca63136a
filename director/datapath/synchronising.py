# SPDX-License-Identifier: Apache-2.0
"""Connections out of the table for other directors, and theirs into it.

All of it is the work of the thread that swaps images, in small pieces. What is said of a connection on the
wire is not known here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from typing import Any

from director.datapath._native import ffi, lib
from director.model.service import ForwardingMethod
from director.model.sync import SyncedFlow, SyncRule, Whereabouts

SLICE = 1 << 15
"""Places that are looked at in one go: well below a millisecond."""

MOST = 256
"""Connections that are found in one go."""

_FLOW = struct.Struct("=16s16sHHBBBBB3xIII")
_METHODS = (None, ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT)


class Entering(Enum):
    """What became of a connection that another director told of."""

    ENTERED = lib.LB_SYNC_ENTERED
    UPDATED = lib.LB_SYNC_UPDATED
    STALE = lib.LB_SYNC_STALE
    UNKNOWN = lib.LB_SYNC_UNKNOWN
    FULL = lib.LB_SYNC_FULL


class SyncTable:
    """The connection table, as the synchronisation sees it. `datapath` gives the C data path of now."""

    def __init__(self, datapath: Callable[[], Any], sets: int) -> None:
        self._datapath = datapath
        self._places: int = sets * lib.LB_WAYS
        self._teller = ffi.NULL
        self._found = ffi.new("struct lb_sync_flow[]", MOST)
        self._flow = ffi.new("struct lb_sync_flow *")
        self._bytes = ffi.buffer(self._flow)
        self._client = ffi.new("struct lb_client *")

    @property
    def slices(self) -> int:
        """Return in how many goes the whole table is looked at."""
        return max(1, self._places // SLICE)

    def begin_telling(self) -> None:
        """Forget what was told: all that is due is to be told anew."""
        self._teller = ffi.gc(lib.lb_teller_new(self._datapath()), lib.lb_teller_free)
        if self._teller == ffi.NULL:
            raise MemoryError

    def end_telling(self) -> None:
        self._teller = ffi.NULL

    def collect(self, rule: SyncRule) -> tuple[SyncedFlow, ...]:
        """Go on through the table by a slice; return the connections in it that are due to be told of."""
        raw = ffi.new(
            "struct lb_sync_rule *", (rule.threshold, rule.period, rule.refresh, rule.retries, rule.timeouts)
        )
        now = lib.lb_clock()
        count = lib.lb_teller_collect(self._teller, self._datapath(), raw, now, SLICE, self._found, MOST)
        packed = ffi.buffer(self._found, count * _FLOW.size)
        return tuple(_flow_of(fields) for fields in _FLOW.iter_unpack(packed))

    @property
    def rounds(self) -> int:
        """Return how often the whole table has been looked at."""
        return int(lib.lb_teller_rounds(self._teller)) if self._teller != ffi.NULL else 0

    def enter(self, flow: SyncedFlow, client: Whereabouts | None) -> Entering:
        """Enter or update a connection; without `client` replies through NAT wait for its next packet."""
        self._write(flow, client)
        now = lib.lb_clock()
        return Entering(lib.lb_sync_enter(self._datapath(), self._teller, self._flow, self._client, now))

    def lead(self, flow: SyncedFlow, client: Whereabouts) -> bool:
        """Let replies on this connection find the client, unless its own packets have told where it is."""
        self._write(flow, client)
        return bool(lib.lb_sync_lead(self._datapath(), self._flow, self._client, lib.lb_clock()))

    def _write(self, flow: SyncedFlow, client: Whereabouts | None) -> None:
        self._bytes[:] = _FLOW.pack(
            flow.caddr,
            flow.vaddr,
            flow.cport,
            flow.vport,
            flow.protocol,
            4 if len(flow.caddr) == 4 else 6,
            flow.state,
            0,
            flow.template,
            flow.destination,
            flow.expires_in,
            flow.packets,
        )
        self._client.ifindex = client.interface if client else 0
        self._client.mac = client.mac.packed if client else bytes(6)


def _flow_of(fields: tuple[Any, ...]) -> SyncedFlow:
    caddr, vaddr, cport, vport, protocol, family, state, method, template, destination, timeout, packets = (
        fields
    )
    octets = 4 if family == 4 else 16
    return SyncedFlow(
        protocol,
        caddr[:octets],
        cport,
        vaddr[:octets],
        vport,
        destination,
        state,
        timeout,
        packets,
        _METHODS[method],
        bool(template),
    )
