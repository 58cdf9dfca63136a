# SPDX-License-Identifier: Apache-2.0
"""Recordings on disk: what a kernel answered to each frame of each exchange, one exchange a line.

A frame that arrived is named by a digest only, as the tables of exchanges can make it again. A frame that
left is hexadecimal, and where its end is a piece of the frame that arrived, `@FROM+LENGTH` says which. What
stands as before (entries, loads) is left out. `stack.json` has what the host's own stack, without any IPVS,
answers to the frames that are its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from netaddr import IPAddress

from director.model.service import endpoint
from tests.interop.lab import INTERFACES
from tests.packets.case import Counts, Entry, State

DIRECTORY = Path(__file__).parent / "recordings"
STACK = "stack"
SHORTEST = 16  # bytes of a frame that are worth a reference
PROTOCOLS = {"IP": 0, "TCP": 6, "UDP": 17, "SCTP": 132}  # IP: a template of a firewall mark's service

Out = tuple[int, bytes]  # the interface a frame leaves by, and the frame
Load = tuple[str, str, int, int]  # service, destination, active, inactive
Counters = Mapping[tuple[str, str], Counts]  # by service and destination; the service's own has ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of one frame, and how the connections and loads stand then."""

    out: tuple[Out, ...]
    entries: frozenset[Entry]
    loads: frozenset[Load]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange as a kernel answered it."""

    reactions: tuple[Reaction, ...]
    counters: Counters


def write(topic: str, kernel: str, lines: Iterable[tuple[str, Any]]) -> Path:
    """Write a topic's recording: a JSON object of which each answer is a line."""
    rows = [json.dumps({"kernel": kernel})[1:-1]]
    rows += [f"{json.dumps(name)}:{json.dumps(answer, separators=(',', ':'))}" for name, answer in lines]
    path = DIRECTORY / f"{topic}.json"
    path.write_text("{" + ",\n".join(rows) + "}\n")
    return path


@cache
def read(topic: str) -> Mapping[str, Any]:
    """Read a topic's recording; of a topic that was never recorded it is empty."""
    path = DIRECTORY / f"{topic}.json"
    loaded: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return loaded


def kernel(topic: str) -> str:
    return str(read(topic)["kernel"])


def sizes(topic: str) -> tuple[int, ...]:
    """Return how many frames each exchange of a topic has."""
    return tuple(len(said["answers"]) for name, said in read(topic).items() if name != "kernel")


def has(topic: str, name: str) -> bool:
    return name in read(topic)


def digests(topic: str, name: str) -> tuple[str, ...]:
    return tuple(answer["in"] for answer in read(topic)[name]["answers"])


def recorded(topic: str, name: str, arrived: Iterable[bytes]) -> Recorded:
    """Read an exchange whose frames are these."""
    return read_answer(read(topic)[name], arrived)


def read_answer(said: Mapping[str, Any], arrived: Iterable[bytes]) -> Recorded:
    """Read what a guest said, as it did or as it is written down, of an exchange whose frames are these."""
    return Recorded(
        reactions=tuple(_reactions(said["answers"], arrived)),
        counters={(_service(row[0]), row[1]): _counts(row[2:]) for row in said["counters"]},
    )


def packed(frame: bytes, arrived: bytes) -> str:
    """Write a frame that left; the shortest beginning that must stand there itself comes first."""
    for start in range(len(frame) - SHORTEST):
        found = arrived.find(frame[start:])
        if found >= 0:
            return f"{frame[:start].hex()}@{found}+{len(frame) - start}"
    return frame.hex()


def unpacked(text: str, arrived: bytes) -> bytes:
    head, _, piece = text.partition("@")
    start, _, length = piece.partition("+")
    return bytes.fromhex(head) + (arrived[int(start) : int(start) + int(length)] if piece else b"")


def compact(answers: Iterable[dict[str, Any]], arrived: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Leave out of a guest's answers what stood so before, and of frames what arrived in them."""
    before: dict[str, Any] = {}
    for answer, frame in zip(answers, arrived, strict=True):
        out = [[end, packed(bytes.fromhex(left), frame)] for end, left in answer["out"]]
        yield {
            key: out if key == "out" else value
            for key, value in answer.items()
            if before.get(key) != value or key == "out"
        }
        before = answer


def stack_answer(digest: str) -> tuple[Out, ...]:
    """Return what the host's own stack answers to a frame."""
    return outs(read(STACK)[digest])


def outs(frames: Iterable[tuple[str, str]]) -> tuple[Out, ...]:
    return tuple((INTERFACES[end], bytes.fromhex(frame)) for end, frame in frames)


def _reactions(answers: Iterable[Mapping[str, Any]], arrived: Iterable[bytes]) -> Iterator[Reaction]:
    standing: dict[str, Any] = {}
    for answer, frame in zip(answers, arrived, strict=True):
        standing |= answer
        yield Reaction(
            out=tuple((INTERFACES[end], unpacked(left, frame)) for end, left in answer["out"]),
            entries=frozenset(_entry(*row) for row in standing["entries"]),
            loads=frozenset(_load(*row) for row in standing["loads"]),
        )


def _load(service: str, destination: str, active: str, inactive: str) -> Load:
    name, end = _service_in_hex(service), _end(destination)
    if name.startswith("mark:") and end.startswith("["):
        name = f"mark6:{name[5:]}"  # the kernel does not say a mark's family here
    return name, end, int(active), int(inactive)


def _entry(protocol: str, client: str, virtual: str, destination: str, state: str, expires: str) -> Entry:
    ends = (_end(client), _end(virtual), _end(destination))
    return Entry(PROTOCOLS[protocol], *ends, State(state), int(expires))


def _end(text: str) -> str:
    """Read an address and port as the kernel writes them: C0000201:0050, [2001:0db8:...:0001]:0050."""
    address, _, port = text.rpartition(":")
    if ":" in address:
        return endpoint(IPAddress(address.strip("[]")), int(port, 16))
    return endpoint(IPAddress(int(address, 16), version=4), int(port, 16))


def _service_in_hex(text: str) -> str:
    """Read a service as the kernel writes it; a mark's does not say its family."""
    protocol, end = text.split()
    return f"mark:{int(end, 16)}" if protocol == "FWM" else f"{protocol.lower()}:{_end(end)}"


def _service(text: str) -> str:
    """Read a service as ipvsadm writes it: TCP 192.0.2.1:80, FWM 7, FWM 8 IPv6."""
    protocol, *words = text.split()
    if protocol == "FWM":
        return f"mark{'6' if len(words) > 1 else ''}:{words[0]}"
    return f"{protocol.lower()}:{words[0]}"


def _counts(words: Iterable[str]) -> Counts:
    connections, packets_in, packets_out, bytes_in, bytes_out = map(int, words)
    return Counts(connections, packets_in, packets_out, bytes_in, bytes_out)
