# SPDX-License-Identifier: Apache-2.0
"""The C data path in user space as a host: `_native`, one frame at a time, on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from director.datapath._native import ffi, lib

from tests.packets.case import WHOLE, Answer, Arrival, Departure, Offload, Segmentation
from tests.packets.table_host import SEED, SETS, VERDICTS, TableHost

NEEDS_CHECKSUM = 1
ROOM = 1 << 18


class UserHost(TableHost):
    """A data path of its own for each case."""

    def __init__(self, sets: int = SETS) -> None:
        super().__init__(
            ffi.gc(lib.lb_datapath_new(sets, 1, SEED), lib.lb_datapath_free, size=1 << 26), epoch=0
        )
        self._answer = ffi.new("struct lb_test_answer *")
        self._out = ffi.new("uint8_t[]", ROOM)

    def handle(self, arrival: Arrival, now: int) -> Answer:
        self._now = now
        data = ffi.from_buffer("uint8_t[]", arrival.frame)
        frame = ffi.new("struct lb_test_frame *", frame_fields(arrival, data))
        done = lib.lb_datapath_try(self._datapath, 0, frame, now, self._out, ROOM, self._answer)
        assert done == 0, f"lb_datapath_try: {done}"
        return Answer(
            verdict=VERDICTS[self._answer.verdict],
            reason=self._reason(self._answer.reason),
            interface=self._answer.ifindex,
            frames=tuple(self._departures()),
        )

    def _put_in_force(self, image: bytes) -> None:
        assert lib.lb_datapath_swap(self._datapath, image, len(image)) == 0

    def _departures(self) -> Iterator[Departure]:
        at = 0
        for number in range(self._answer.frames):
            out = self._answer.out[number]
            yield Departure(bytes(ffi.buffer(self._out)[at : at + out.length]), offload_of(out))
            at += out.length


def frame_fields(arrival: Arrival, data: Any) -> dict[str, Any]:
    """Say an arrival as struct lb_test_frame, with virtio_net_hdr's flags and types."""
    offload = arrival.offload
    return {
        "data": data,
        "length": len(arrival.frame),
        "ifindex": arrival.interface,
        "flags": NEEDS_CHECKSUM if offload.checksum_start else 0,
        "gso_type": offload.segmentation.value,
        "gso_size": offload.segment_size,
        "hdr_len": offload.header_length,
        "csum_start": offload.checksum_start,
        "csum_offset": offload.checksum_offset,
    }


def offload_of(out: Any) -> Offload:
    undone = bool(out.flags & NEEDS_CHECKSUM)
    if not undone and not out.gso_type:
        return WHOLE
    return Offload(
        checksum_start=out.csum_start if undone else 0,
        checksum_offset=out.csum_offset if undone else 0,
        segmentation=Segmentation(out.gso_type),
        segment_size=out.gso_size,
    )
