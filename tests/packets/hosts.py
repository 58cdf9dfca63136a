# SPDX-License-Identifier: Apache-2.0
"""What a packet case asks of whatever carries the packets, and how the steps of a case are walked through."""

from __future__ import annotations

from typing import Protocol

from tests.packets.case import (
    Answer,
    Apply,
    Arrival,
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Send,
    Step,
)
from tests.packets.compare import assert_answer
from tests.packets.network import Setting


class Host(Protocol):
    """Something that forwards frames by a setting, on a virtual clock of milliseconds."""

    def apply(self, setting: Setting) -> None: ...

    def handle(self, arrival: Arrival, now: int) -> Answer: ...

    def sweep(self, now: int) -> None:
        """End what has expired, so that it counts no more."""
        ...

    def connections(self, now: int) -> frozenset[Entry]: ...

    def service_counts(self, service: str) -> Counts:
        """Return the counters of a service, named like `tcp:192.0.2.1:80`."""
        ...

    def destination_counts(self, service: str, destination: str) -> DestinationCounts:
        """Return the counters of a service's destination, named like `10.0.0.11:80`."""
        ...


def walk(host: Host, case: Case) -> None:
    """Take a host through a case; the first step that goes wrong fails with its number."""
    host.apply(case.setting)
    for number, step in enumerate(case.steps, start=1):
        try:
            take(host, step)
        except AssertionError as error:
            raise AssertionError(f"{case.name}\nstep {number}: {error}") from error


def take(host: Host, step: Step) -> None:
    match step:
        case Send(at=at, want=want):
            assert_answer(host.handle(step.arrival, at), want)
        case Apply(setting=setting):
            host.apply(setting)
        case Listed(at=at, entries=entries):
            assert host.connections(at) == entries
        case Counted():
            assert host.service_counts(step.service) == step.of_service
            assert host.destination_counts(step.service, step.destination) == step.of_destination
