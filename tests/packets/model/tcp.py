# SPDX-License-Identifier: Apache-2.0
"""TCP connection states as kernel IPVS keeps them, as text tables, and the timeout of each state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType

from director.model import Timeouts
from tests.interop.walked import recorded
from tests.packets.case import State

COLUMNS = {
    "NO": State.NONE,
    "ES": State.ESTABLISHED,
    "SS": State.SYN_SENT,
    "SR": State.SYN_RECV,
    "FW": State.FIN_WAIT,
    "TW": State.TIME_WAIT,
    "CL": State.CLOSE,
    "CW": State.CLOSE_WAIT,
    "LA": State.LAST_ACK,
    "LI": State.LISTEN,
    "SA": State.SYNACK,
}


class Seen(Enum):
    """Which way a segment goes, and whether the director sees the other way at all."""

    INPUT = "input"
    OUTPUT = "output"
    INPUT_ONLY = "input only"


TABLES: Mapping[Seen, str] = MappingProxyType(
    {
        Seen.INPUT: """
            syn SR ES ES SR SR SR SR SR SR SR SR
            fin CL CW SS TW TW TW CL CW LA LI TW
            ack ES ES SS ES FW TW CL CW CL LI ES
            rst CL CL CL SR CL CL CL CL LA LI SR""",
        Seen.OUTPUT: """
            syn SS ES SS SR SS SS SS SS SS LI SR
            fin TW FW SS TW FW TW CL TW LA LI TW
            ack ES ES SS ES FW TW CL CW LA ES ES
            rst CL CL SS CL CL TW CL CL CL CL CL""",
        Seen.INPUT_ONLY: """
            syn SR ES ES SR SR SR SR SR SR SR SR
            fin CL FW SS TW FW TW CL CW LA LI TW
            ack ES ES SS ES FW TW CL CW CL LI ES
            rst CL CL CL SR CL CL CL CL LA LI CL""",
    }
)

ACTIVE = frozenset({State.SYN_RECV, State.SYN_SENT, State.SYNACK, State.ESTABLISHED})  # SCTP: the last alone
PRIORITY = (("R", "rst"), ("S", "syn"), ("F", "fin"), ("A", "ack"))


def _read(table: str) -> dict[tuple[str, State], State]:
    rows = [line.split() for line in table.strip().splitlines()]
    columns = COLUMNS.values()
    return {(row[0], was): COLUMNS[cell] for row in rows for was, cell in zip(columns, row[1:], strict=True)}


STEPS = {seen: _read(table) for seen, table in TABLES.items()}


def step(state: State, seen: Seen, flags: str, *, secure: bool = False) -> State:
    """Say the state after a segment with these flags (scapy's letters); `secure`: under secure_tcp."""
    for letter, event in PRIORITY:
        if letter in flags:
            taken = secure_steps(seen).get((letter, state)) if secure else None
            return taken or STEPS[seen][event, state]
    return State.CLOSE


@cache
def secure_steps(seen: Seen) -> Mapping[tuple[str, State], State]:
    """Collect each step that a kernel was seen to take under secure_tcp, by flag and state before."""
    method, way = {Seen.INPUT: ("nat", ">"), Seen.OUTPUT: ("nat", "<"), Seen.INPUT_ONLY: ("dr", ">")}[seen]
    walks = recorded(f"tcp {method} secure")
    found = {}
    for walk, state in walks.items():
        before, _, last = walk.rpartition(" ")
        if last[0] == way and state and (not before or walks[before]):
            found[last[1:], State(walks[before]) if before else State.NONE] = State(state)
    return found


def timeout_ms(timeouts: Timeouts, state: State) -> int:
    if state is State.UDP:
        return timeouts.udp * 1000
    seconds: int = getattr(timeouts, f"tcp_{state.name.lower()}")
    return seconds * 1000
