# SPDX-License-Identifier: Apache-2.0
"""Both sides of sequences.py: a kernel's outcomes, from a guest or from a recording, and the director's.

`python -m tests.interop.sequenced [NAME]...` asks a kernel; see record.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.interop import recording
from tests.interop.families import V4
from tests.interop.lab import ENDS, INTERFACES, MODULES, network
from tests.interop.orders import commands
from tests.interop.parsed import frame as parsed
from tests.interop.record import RecordingError, ask
from tests.interop.recording import Out
from tests.interop.replay import HOSTS, sent
from tests.interop.sequences import ALL, FIRST_PORT, Outcome, Sequences, timeout_of
from tests.packets.case import Arrival, Entry, Verdict
from tests.packets.network import INSIDE

FILE = "sequences"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
Outcomes = tuple[Outcome, ...]


def by_director(sequences: Sequences, name: str = "user") -> Outcomes:
    """Put the flows to a host; the guard gives it every frame of a service and of its servers."""
    found: list[Outcome] = []
    for batch in sequences.batches():
        host = HOSTS[name]()
        host.apply(sequences.setting)
        out: list[Out] = []
        now = 0
        for now, step in enumerate((step for flow in batch for step in flow), start=1):
            answer = host.handle(Arrival(step.interface, step.frame), now)
            out += sent(answer) if answer.verdict is Verdict.TRANSMIT else ()
        found += outcomes(out, host.connections(now), len(found), len(batch))
    return tuple(found)


def recorded(sequences: Sequences) -> Outcomes:
    said = recording.read(FILE)[sequences.name]
    known = tuple(map(_outcome, said["outcomes"]))
    digits = said["flows"]
    return tuple(known[int(digits[at : at + 2], 36)] for at in range(0, len(digits), 2))


def outcomes(out: Iterable[Out], entries: Iterable[Entry], first: int, many: int) -> Iterator[Outcome]:
    """Sort by flow what came out, and what is listed."""
    left = Counter((interface, _port(frame)) for interface, frame in out)
    listed = {int(entry.client.rpartition(":")[2]): entry for entry in entries}
    for port in range(FIRST_PORT + first, FIRST_PORT + first + many):
        inside = left[INSIDE, port]
        outside = sum(left[interface, port] for interface in ENDS if interface != INSIDE)
        entry = listed.get(port)
        if entry is None:
            yield Outcome(inside, outside)
        else:
            yield Outcome(inside, outside, entry.state.value, entry.expires)


def _port(frame: bytes) -> int:
    """Return the client's port, whichever way a frame goes, in a tunnel or not."""
    packet = parsed(frame)
    while packet is not None and packet.protocol == 4:
        packet = parsed(frame[:14] + packet.body)
    if packet is None:
        return 0
    source, target = packet.ends()
    return source[2] if source[1] == V4.client else target[2]


def _outcome(text: str) -> Outcome:
    inside, outside, state, seconds = text.split(" ")
    return Outcome(int(inside), int(outside), state, int(seconds))


def record(chosen: tuple[Sequences, ...]) -> None:
    job = {
        "modules": MODULES,
        "network": network((V4.vip,)),
        "exchanges": [_described(sequences) for sequences in chosen],
    }
    kernel, said = ask(job)
    old = {name: each for name, each in recording.read(FILE).items() if name != "kernel"}
    new = {sequences.name: _compact(_by_kernel(sequences, said[sequences.name])) for sequences in chosen}
    print(recording.write(FILE, kernel, (old | new).items()))


def _described(sequences: Sequences) -> dict[str, Any]:
    bursts = [
        {"burst": [[ENDS[step.interface], step.frame.hex()] for flow in batch for step in flow]}
        for batch in sequences.batches()
    ]
    return {"name": sequences.name, "ipvs": True, "steps": [commands(None, sequences.setting), *bursts]}


def _by_kernel(sequences: Sequences, said: Mapping[str, Any]) -> Iterator[Outcome]:
    if "error" in said:
        raise RecordingError(said["error"])
    done = 0
    for batch, answer in zip(sequences.batches(), said["answers"], strict=True):
        listed = {int(row[1].rpartition(":")[2], 16): row for row in answer["entries"]}
        left = Counter((INTERFACES[end], _port(bytes.fromhex(frame))) for end, frame in answer["out"])
        for port in range(FIRST_PORT + done, FIRST_PORT + done + len(batch)):
            inside = left[INSIDE, port]
            outside = sum(left[interface, port] for interface in ENDS if interface != INSIDE)
            row = listed.get(port)
            state, seconds = (row[4], timeout_of(row[0], int(row[5]))) if row else ("", 0)
            yield Outcome(inside, outside, state, seconds)
        done += len(batch)


def _compact(found: Iterable[Outcome]) -> dict[str, Any]:
    """Write each outcome once, and each flow's as two digits of base 36."""
    texts = [str(outcome) for outcome in found]
    known = sorted(set(texts))
    number = {text: DIGITS[at // 36] + DIGITS[at % 36] for at, text in enumerate(known)}
    return {"outcomes": known, "flows": "".join(number[text] for text in texts)}


if __name__ == "__main__":
    try:
        record(tuple(each for each in ALL if each.name in sys.argv[1:] or not sys.argv[1:]))
    except RecordingError as error:
        sys.exit(f"record: {error}")
