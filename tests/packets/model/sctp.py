# SPDX-License-Identifier: Apache-2.0
"""SCTP associations as kernel IPVS keeps them: what it was seen to do with each short sequence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from director.model import Timeouts
from tests.interop.walked import recorded
from tests.packets.case import State
from tests.packets.frames import Chunk
from tests.packets.model.tcp import Seen

LOTS: Mapping[Seen, tuple[str, str]] = {
    Seen.INPUT: ("nat", ">"),
    Seen.OUTPUT: ("nat", "<"),
    Seen.INPUT_ONLY: ("dr", ">"),
}


@cache
def steps(seen: Seen) -> Mapping[tuple[str, State], State]:
    """Collect each step that a kernel was seen to take, by event and state before."""
    method, way = LOTS[seen]
    walks = recorded(f"sctp {method}")
    found = {}
    for walk, state in walks.items():
        before, _, last = walk.rpartition(" ")
        if last[0] == way and state and (not before or walks[before]):
            found[last[1:], State(walks[before]) if before else State.NONE] = State(state)
    for walk, state in recorded(f"sctp {method} opened by an error").items():
        if walk[0] == way:
            found[walk[1:], State.NONE] = State(state)
    return found


def event(packet: bytes) -> str:
    """Say which chunk counts: the first, or an ABORT that follows a cookie. Nothing where there is none."""
    if len(packet) < 16:
        return ""
    kind, length = packet[12], int.from_bytes(packet[14:16], "big")
    follows = 12 + (length + 3) // 4 * 4
    if (
        kind in (10, 11)
        and length >= 4
        and packet[follows : follows + 1] == b"\6"
        and len(packet) >= follows + 4
    ):
        kind = 6
    known = {each.value: each.name for each in Chunk if each is not Chunk.SACK}
    return known.get(kind, "DATA")


def step(state: State, seen: Seen, happened: str) -> State:
    return steps(seen)[happened, state] if happened else state


def timeout_ms(timeouts: Timeouts, state: State) -> int:
    seconds: int = getattr(timeouts, f"sctp_{state.name.lower()}")
    return seconds * 1000
