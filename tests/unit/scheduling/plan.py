# SPDX-License-Identifier: Apache-2.0
"""Which runs the real kernel is put through: schedulers, weights, traffic and edits, drawn once for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from netaddr import IPAddress

from director.model import Protocol, Scheduler, SchedulerFlag, Tunables
from tests.unit.scheduling.script import Act, Change, Client, Run, Wait

SEED = 4
SERVERS = range(11, 19)
WEIGHTS = {
    "equal weights": (2,),
    "small weights": (1, 1, 2, 3, 4),
    "some at 0": (0, 0, 1, 3),
    "large weights": (1, 300, 65535, 2**31 - 1),
}
KINDS = tuple(WEIGHTS)
TRAFFIC = ("datagrams", "half-open", "kept open", "closing")
FLAGS: dict[Scheduler, tuple[SchedulerFlag, ...]] = {
    Scheduler.SH: (SchedulerFlag.SH_FALLBACK, SchedulerFlag.SH_PORT),
    Scheduler.MH: (SchedulerFlag.MH_FALLBACK, SchedulerFlag.MH_PORT),
}
UNKNOWN_TO_LINUX_6_1 = (Scheduler.TWOS,)
EXPIRATION = 3  # seconds
CLIENTS = 14


@dataclass
class Drawing:
    """Draws the acts of one run, and keeps account of what there is to edit and to close."""

    random: Random
    weights: tuple[int, ...]
    traffic: str
    present: dict[int, int] = field(default_factory=dict)
    open: list[Client] = field(default_factory=list)

    def acts(self) -> Iterator[Act]:
        yield from self.added(self.random.randint(2, 4))
        for number in range(CLIENTS):
            if number and self.random.random() < 0.2:
                yield self.edit()
            yield from self.connection()
            if self.traffic == "closing" and self.open and self.random.random() < 0.6:
                yield self.closed()

    def added(self, count: int) -> Iterator[Act]:
        for server in self.random.sample(SERVERS, count):
            yield self._put("add", server)

    def edit(self) -> Act:
        """Change a weight, mostly; else add a server or delete one, though never the last."""
        if self.random.random() < 0.5:
            return self._put("edit", self.random.choice(list(self.present)))
        absent = [server for server in SERVERS if server not in self.present]
        if len(self.present) > 1 and self.random.random() < 0.5 and self.traffic != "closing":
            server = self.random.choice(list(self.present))
            del self.present[server]
            return Change("delete", server)
        return self._put("add", self.random.choice(absent)) if absent else self._put("edit", SERVERS[0])

    def connection(self) -> Iterator[Act]:
        client = Client(
            "U" if self.traffic == "datagrams" else "S",
            IPAddress(int(IPAddress("10.0.0.0")) + self.random.randrange(1 << 16, 1 << 24)),
            self.random.randrange(1024, 65536),
        )
        yield client
        if self.traffic in ("kept open", "closing"):
            yield Client("A", client.address, client.port)
            self.open.append(client)

    def closed(self) -> Act:
        client = self.open.pop(self.random.randrange(len(self.open)))
        return Client("F", client.address, client.port)

    def _put(self, verb: str, server: int) -> Act:
        self.present[server] = self.random.choice(self.weights)
        return Change(verb, server, self.present[server])


def plans() -> list[Run]:
    """Return all runs; the kernel's answers are not in them yet."""
    random = Random(SEED)
    found: list[Run] = []
    for scheduler in Scheduler:
        if scheduler in UNKNOWN_TO_LINUX_6_1:
            continue
        for place, traffic in enumerate(TRAFFIC * 2):
            kind = KINDS[(place + place // len(TRAFFIC)) % len(KINDS)]
            found.append(_plan(random, scheduler, kind, traffic, len(found)))
    found += [_with_time(random, number) for number in range(3)]
    return found


def _plan(random: Random, scheduler: Scheduler, kind: str, traffic: str, number: int) -> Run:
    flags = frozenset(flag for place, flag in enumerate(FLAGS.get(scheduler, ())) if number >> place & 1)
    name = " ".join((scheduler.value, *sorted(flag.value for flag in flags), f"- {kind}, {traffic}"))
    acts = tuple(Drawing(random, WEIGHTS[kind], traffic).acts())
    if scheduler is Scheduler.WRR:
        acts = tuple(_until_one_changes_nothing(acts))
    return _run(name, scheduler, traffic, acts, flags=flags, last=1 + number % 60)


def _until_one_changes_nothing(acts: tuple[Act, ...]) -> Iterator[Act]:
    """Stop at an edit to the same weight: for us that is none, but the kernel's wrr begins its list anew."""
    weights: dict[int, int] = {}
    for act in acts:
        if isinstance(act, Change):
            if act.verb == "edit" and weights.get(act.server) == act.weight:
                return
            weights[act.server] = act.weight
        yield act


def _with_time(random: Random, number: int) -> Run:
    """Let an lblcr set grow, and then stay unchanged for longer than it may."""
    drawing = Drawing(random, (1, 2), "kept open")
    acts = [*drawing.added(5)]
    for _ in range(10 + 4 * number):
        acts += drawing.connection()
    for _ in range(4):
        acts += [*drawing.connection(), Wait(EXPIRATION - 1)]
    acts += [Change("edit", server, 40) for server in drawing.present]
    for _ in range(6):
        acts += drawing.connection()
    tunables = Tunables(lblcr_expiration=EXPIRATION)
    return _run(
        f"lblcr - a set shrinks {number}", Scheduler.LBLCR, "kept open", tuple(acts), tunables=tunables
    )


def _run(
    name: str,
    scheduler: Scheduler,
    traffic: str,
    acts: tuple[Act, ...],
    *,
    flags: frozenset[SchedulerFlag] = frozenset(),
    tunables: Tunables | None = None,
    last: int = 1,
) -> Run:
    protocol = Protocol.UDP if traffic == "datagrams" else Protocol.TCP
    address = IPAddress(f"192.0.2.{last}")
    return Run(name, scheduler, flags, protocol, address, 80, tunables or Tunables(), acts)
