# SPDX-License-Identifier: Apache-2.0
"""The words of a recorded run: what was done to a service, and whom the kernel gave each new connection.

A run is a string of lines, separated by semicolons:
  add 14 8, edit 14 0, delete 14    server 14 (172.16.0.14, by DR) and its weight
  wait 2                            seconds
  S 10.1.2.3:4000 14                a client's SYN, and who got it (-: refused)
  U 10.1.2.3:4000 14                a client's datagram
  A 10.1.2.3:4000                   its ACK: the connection is established
  F 10.1.2.3:4000                   its FIN: the connection is no more active
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netaddr import IPAddress

from director.model import (
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunables,
)

DR = ForwardingMethod.DR
CHANGES = ("add", "edit", "delete")
OPENING = ("S", "U")


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of the service's servers."""

    verb: str
    server: int
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: int


@dataclass(frozen=True, slots=True)
class Client:
    """A client's packet: kind S, U, A or F; for S and U who got it, None if it was refused."""

    kind: str
    address: IPAddress
    port: int
    server: int | None = None


Act = Change | Wait | Client


@dataclass(frozen=True, slots=True)
class Run:
    """A service and what happened to it."""

    name: str
    scheduler: Scheduler
    flags: frozenset[SchedulerFlag]
    protocol: Protocol
    address: IPAddress
    port: int
    tunables: Tunables
    acts: tuple[Act, ...]

    @property
    def key(self) -> ServiceKey:
        return ServiceKey(self.protocol, self.address, self.port)


def parsed(said: dict[str, Any]) -> Run:
    protocol, address, port = said["service"].split(":")
    return Run(
        said["name"],
        Scheduler(said["scheduler"]),
        frozenset(map(SchedulerFlag, said.get("flags", ()))),
        Protocol(protocol),
        IPAddress(address),
        int(port),
        Tunables(**said.get("tunables", {})),
        tuple(_act(line.split()) for line in said["script"].split("; ") if line),
    )


def _act(words: list[str]) -> Act:
    verb, what, *rest = words
    if verb == "wait":
        return Wait(int(what))
    if verb in CHANGES:
        return Change(verb, int(what), *map(int, rest))
    address, port = what.split(":")
    server = next((int(word) for word in rest if word.isdigit()), None)
    return Client(verb, IPAddress(address), int(port), server)


def written(acts: tuple[Act, ...]) -> str:
    return "; ".join(" ".join(_words(act)) for act in acts)


def _words(act: Act) -> Iterator[str]:
    if isinstance(act, Wait):
        yield from ("wait", str(act.seconds))
    elif isinstance(act, Change):
        yield from (act.verb, str(act.server))
        if act.verb != "delete":
            yield str(act.weight)
    else:
        yield from (act.kind, f"{act.address}:{act.port}")
        if act.kind in OPENING:
            yield "-" if act.server is None else str(act.server)
