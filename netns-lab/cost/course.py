# SPDX-License-Identifier: Apache-2.0
"""Take the samples: rounds over all ways, each time with programs loaded anew.

How costly a cache miss is depends on where the tables' pages lie and on what else the machine does. So rounds
are outermost, and program and reference alternate. What is measured is proven: the packets must have been
redirected, and counted for the one reason that is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from cost.network import MAC, PEER
from cost.scene import ANSWER, REQUEST, Scene
from cost.subject import REDIRECT, Subject
from cost.walk import Ends, Hop, state
from cost.ways import Happening, Sample, Way
from director.datapath.ebpf import IMAGE_LINES
from director.datapath.memory import sets_for
from director.datapath.programs import ProgramKind, TableSizes
from director.model import ForwardingMethod, Settings
from director.tables.layout import LINE
from lab import LabError

REPEATS = 3
TOLERATED = 1e-4  # of the packets may find their flow gone, which gave way to another: of millions, a few do


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, and packets of a test run where the flows do not ask for more."""

    rounds: int
    packets: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A way with so many flows."""

    way: Way
    flows: int

    @property
    def connections(self) -> int:
        """What the director would be configured for."""
        return max(Settings().connections, self.way.entries(self.flows))


def turns(ways: Sequence[Way], flows: Sequence[int]) -> tuple[Turn, ...]:
    return tuple(Turn(way, many) for way in ways for many in flows if way.suits(many))


def take(
    planned: Sequence[Turn], scene: Scene, effort: Effort, room: Path, told: Callable[[Sample], None]
) -> tuple[Sample, ...]:
    """Take all samples."""
    samples = []
    for number in range(effort.rounds):
        for (kind, connections), group in groupby(sorted(planned, key=_load), key=_load):
            with_lines = max(IMAGE_LINES, *(len(scene.image(turn.way)) // LINE for turn in planned))
            subject = Subject(ProgramKind(kind), TableSizes(sets_for(connections), with_lines), room)
            try:
                for turn in group:
                    sample = Sample(number, turn.way, turn.flows, _Measure(subject, turn, scene).cost(effort))
                    samples.append(sample)
                    told(sample)
            finally:
                subject.close()
    return tuple(samples)


def _load(turn: Turn) -> tuple[str, int]:
    """Tell which programs and tables a turn needs."""
    return turn.way.kind.value, turn.connections


class _Measure:
    """One turn on loaded programs."""

    def __init__(self, subject: Subject, turn: Turn, scene: Scene) -> None:
        self._subject, self._turn = subject, turn
        subject.configure(scene.image(turn.way))
        if turn.way.happening is not Happening.NEW:
            self._walk(REQUEST)
            self._counted(turn.flows, Happening.NEW)

    def cost(self, effort: Effort) -> float:
        """Return the median over a few repetitions of what a packet costs beyond the reference."""
        flows = self._turn.flows
        packets = flows * max(1, -(-effort.packets // flows))
        if self._turn.way.happening is Happening.NEW:
            return median(self._opened() for _ in range(REPEATS))
        self._walk(ANSWER if self._turn.way.happening is Happening.REPLY else REQUEST)
        return median(self._beyond_reference(packets) for _ in range(REPEATS))

    def _opened(self) -> float:
        self._subject.forget()
        self._walk(REQUEST)
        return self._beyond_reference(self._turn.flows)

    def _beyond_reference(self, packets: int) -> float:
        """Measure the program and subtract the reference, and for a tunnel the undoing of its growth.

        What growing and undoing cost apart can't be seen; they do much the same, so half goes to each.
        """
        cost = self._counted(packets, self._turn.way.happening)
        reference = self._subject.run(self._subject.reference, packets).cost
        if self._turn.way.method is not ForwardingMethod.TUN:
            return cost - reference
        return cost - reference - (self._subject.run(self._subject.growth, packets).cost - reference) / 2

    def _counted(self, packets: int, happening: Happening) -> float:
        before = self._subject.reasons()
        run = self._subject.run(self._subject.measured, packets)
        after = self._subject.reasons()
        found = {name: many - before.get(name, 0) for name, many in after.items() if many != before.get(name)}
        meant = sum(found.get(reason, 0) for reason in happening.reasons)
        if run.verdict != REDIRECT[self._subject.kind] or packets - meant > packets * TOLERATED:
            raise LabError(
                f"{self._turn.way.name}, {self._turn.flows:,} flows: {packets:,} packets should have ended "
                f"as {happening.value}, but ended as {found} (the last with verdict {run.verdict})"
            )
        return run.cost

    def _walk(self, ends: Ends) -> None:
        self._subject.walk(state(self._turn.flows, ends, Hop(MAC, PEER)))
