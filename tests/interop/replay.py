# SPDX-License-Identifier: Apache-2.0
"""The director's side of an exchange: guard, data path and the host's stack behind them, on a virtual clock.

The data path is one of the packet table's hosts; the stack is the kernel's, as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from director.datapath.programs import ProgramKind
from tests.interop.exchange import Exchange, Inject
from tests.interop.guard import Owner, lingering, owner, with_deleted
from tests.interop.parsed import Endpoint
from tests.interop.recording import Counters, Load, Out, Reaction, stack_answer
from tests.packets.case import Answer, Arrival, Counts, DestinationCounts, Verdict
from tests.packets.compare import wire
from tests.packets.ebpf_host import EbpfHost
from tests.packets.hosts import Host
from tests.packets.limits import FRAGMENTS
from tests.packets.network import Setting
from tests.packets.user_host import UserHost

HOSTS: Mapping[str, Callable[[], Host]] = MappingProxyType(
    {
        "user": UserHost,
        "xdp": lambda: EbpfHost(ProgramKind.XDP),
        "tc": lambda: EbpfHost(ProgramKind.TC),
    }
)


def silent(_digest: str) -> tuple[Out, ...]:
    """Stand for a stack that says nothing."""
    return ()


class Director:
    """A director of its own for one exchange, on a host of this name; each step takes a millisecond.

    `stack` has what the host's own stack answers, by a frame's digest, and `shared` what it answers to what
    the data path leaves to it; `unable` gets the numbers of frames that the host dropped since it would have
    to send them in fragments.
    """

    def __init__(
        self,
        exchange: Exchange,
        host: str = "user",
        stack: Callable[[str], tuple[Out, ...]] = stack_answer,
        shared: Callable[[str], tuple[Out, ...]] = silent,
    ) -> None:
        self.exchange = exchange
        self.unable: set[int] = set()
        self._host = HOSTS[host]()
        self._stack = stack
        self._shared = shared
        self._now = 0
        self._lingering: frozenset[Endpoint] = frozenset()

    def reactions(self) -> tuple[Reaction, ...]:
        found, current = [], self.exchange.setting
        guarded = current
        self._host.apply(current)
        for step in self.exchange.steps:
            if isinstance(step, Inject):
                found.append(self._reaction(current, guarded, step))
            else:
                self._lingering |= lingering(current, step.setting)
                current, guarded = step.setting, with_deleted(guarded, step.setting)
                self._host.apply(current)
        return tuple(found)

    def counters(self) -> Counters:
        """Read the counters of what is configured at the end."""
        found: dict[tuple[str, str], Counts] = {}
        for service in self.exchange.settings()[-1].configuration.services:
            name = str(service.key)
            found[name, ""] = self._host.service_counts(name)
            for destination in service.destinations:
                found[name, destination.endpoint] = self._of(name, destination.endpoint).counts
        return found

    def _reaction(self, setting: Setting, guarded: Setting, step: Inject) -> Reaction:
        self._now += 1
        out = self._out(guarded, step)
        self._host.sweep(self._now)
        return Reaction(out, self._host.connections(self._now), frozenset(self._loads(setting)))

    def _out(self, setting: Setting, step: Inject) -> tuple[Out, ...]:
        whose = owner(step.frame, setting, self._lingering)
        if whose is Owner.STACK:
            return self._stack(step.digest)
        answer = self._host.handle(Arrival(step.interface, step.frame), self._now)
        if answer.reason == FRAGMENTS.shows:
            self.unable.add(self._now)
        if answer.reason == "local":
            return stack_answer(step.digest)
        if answer.verdict is Verdict.PASS and whose is Owner.SHARED:
            return self._shared(step.digest)
        return sent(answer) if answer.verdict is Verdict.TRANSMIT else ()

    def _loads(self, setting: Setting) -> list[Load]:
        found = []
        for service in setting.configuration.services:
            for destination in service.destinations:
                name, counts = str(service.key), self._of(str(service.key), destination.endpoint)
                found.append((name, destination.endpoint, counts.active, counts.inactive))
        return found

    def _of(self, service: str, destination: str) -> DestinationCounts:
        return self._host.destination_counts(service, destination)


def sent(answer: Answer) -> tuple[Out, ...]:
    return tuple((answer.interface, wire(departure)) for departure in answer.frames)
