# SPDX-License-Identifier: Apache-2.0
"""Packet cases as a tape: the images and frames of each case in order, for programs that know no Python.

tape.h describes the records; the two files say the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from tests.packets.case import Apply, Arrival, Case, Send
from tests.packets.network import Setting
from tests.packets.steering import Steering
from tests.packets.user_host import frame_fields

BEGIN, SWAP, WRR, FRAME, FRAME_AGAIN = range(1, 6)
RECORD = struct.Struct("<II")
ARRIVAL = struct.Struct("<QIBBHHHHxx")
CHANGE = struct.Struct("<Iii")


def record(kind: int, body: bytes = b"") -> bytes:
    return RECORD.pack(kind, len(body)) + body


def arrival_bytes(arrival: Arrival, now: int) -> bytes:
    fields = frame_fields(arrival, None)
    head = (fields[name] for name in ("ifindex", "flags", "gso_type", "gso_size", "hdr_len"))
    tail = (fields[name] for name in ("csum_start", "csum_offset"))
    return ARRIVAL.pack(now, *head, *tail) + arrival.frame


def images(steering: Steering, setting: Setting) -> Iterator[bytes]:
    """The records by which a setting comes into force."""
    for swap in steering.swaps(setting):
        yield record(SWAP, swap.image)
        yield from (record(WRR, CHANGE.pack(*change)) for change in swap.wrr_changes)


def tape(cases: Iterable[Case]) -> bytes:
    """All that the cases do to a data path. A frame that was on the tape before has a kind of its own."""
    parts: list[bytes] = []
    seen: set[Arrival] = set()
    for case in cases:
        steering = Steering()
        parts += [record(BEGIN), *images(steering, case.setting)]
        for step in case.steps:
            if isinstance(step, Apply):
                parts += images(steering, step.setting)
            elif isinstance(step, Send):
                kind = FRAME_AGAIN if step.arrival in seen else FRAME
                parts.append(record(kind, arrival_bytes(step.arrival, step.at)))
                seen.add(step.arrival)
    return b"".join(parts)
