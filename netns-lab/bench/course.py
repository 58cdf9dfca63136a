# SPDX-License-Identifier: Apache-2.0
"""The course of a bench: which samples are taken, in which order. Pure, but for `run`, which takes them.

Within a round, all contenders are measured by one measure before the next one's turn: what is compared lies
seconds apart. Each round begins with another contender, so that none always follows the same one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired

from bench.contenders import CONTENDERS, Contender
from bench.measures import MEASURES, Effort, Measure
from bench.samples import Sample
from bench.stage import stage
from lab import LabError

SET_UP_SECONDS = 2.0  # a lab, a contender and their end, about


@dataclass(frozen=True, slots=True)
class Turn:
    """One sample to be taken."""

    round: int
    measure: Measure
    contender: Contender

    @property
    def name(self) -> str:
        return f"{self.measure.name}/{self.contender.name}"


def is_chosen(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether MEASURE/CONTENDER is asked for, by both, by MEASURE or by /CONTENDER; no pattern: all."""
    measure, _, contender = name.partition("/")
    for pattern in patterns:
        wanted_measure, _, wanted_contender = pattern.partition("/")
        if wanted_measure in ("", measure) and wanted_contender in ("", contender):
            return True
    return not patterns


def turns(rounds: int, patterns: Sequence[str]) -> Iterator[Turn]:
    """List the samples to be taken, in their order."""
    for number in range(rounds):
        shift = number % len(CONTENDERS)
        order = CONTENDERS[shift:] + CONTENDERS[:shift]
        for measure in MEASURES:
            for contender in order:
                turn = Turn(number, measure, contender)
                if measure.suits(contender) and is_chosen(turn.name, patterns):
                    yield turn


def estimate(planned: Sequence[Turn], effort: Effort) -> float:
    """Say about how many seconds the turns will take."""
    return len(planned) * (SET_UP_SECONDS + effort.seconds)


@dataclass(slots=True)
class Record:
    """What has been seen so far."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def run(planned: Sequence[Turn], effort: Effort, tools: Path, told: Callable[[Turn, str], None]) -> Record:
    """Take the samples; one that fails is recorded as failed and the rest go on."""
    record = Record()
    for turn in planned:
        try:
            with stage(turn.contender, tools, f"bench{os.getpid()}") as ready:
                values = turn.measure.take(ready, effort)
        except (LabError, TimeoutExpired) as error:
            record.failures.append(f"round {turn.round + 1}, {turn.name}: {error}")
            told(turn, f"failed: {error}")
            continue
        record.samples += [
            Sample(turn.round, turn.contender.name, name, value) for name, value in values.items()
        ]
        told(turn, _words(turn.measure, values))
    return record


def _words(measure: Measure, values: dict[str, float]) -> str:
    return ", ".join(f"{values[one.name]:,.{one.digits}f} {one.unit}" for one in measure.quantities)
