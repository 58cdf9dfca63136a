# SPDX-License-Identifier: Apache-2.0
"""Let a scheduler choose again and again, and read its sequence as the ends of the servers' addresses.

As in the reference observations of kernel IPVS, the servers .11, .12, ... are added in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from netaddr import IPAddress

from director.scheduling import Candidate, Chooser, Flow

CLIENT = Flow(IPAddress("10.0.0.2"), 40000)


def listed(*weights: int) -> list[Candidate]:
    """Servers .11 and up with these weights, in list order: the last added first."""
    servers = [
        Candidate(number, weight, address=IPAddress(f"172.16.0.{number}"), port=80, last_weight=weight)
        for number, weight in enumerate(weights, start=11)
    ]
    return servers[::-1]


def sequence(
    scheduler: Chooser,
    candidates: Sequence[Candidate],
    count: int,
    connect: Callable[[Candidate], Candidate] = lambda candidate: candidate,
) -> list[int | None]:
    """Choose `count` times; `connect` says what a connection does to the chosen one's numbers."""
    current = list(candidates)
    chosen: list[int | None] = []
    for _ in range(count):
        index = scheduler.choose(current, CLIENT)
        chosen.append(None if index is None else current[index].id)
        if index is not None:
            current[index] = connect(current[index])
    return chosen


def with_inactive(candidate: Candidate) -> Candidate:
    return replace(candidate, inactive=candidate.inactive + 1)


def with_active(candidate: Candidate) -> Candidate:
    return replace(candidate, active=candidate.active + 1)
