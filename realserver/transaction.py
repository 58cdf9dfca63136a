# SPDX-License-Identifier: Apache-2.0
"""Carries out a plan so that it can always be undone: each change is noted before it is made.

It sees the host through two methods, `observe` and `apply`, and decides nothing that plan.py has not decided.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from realserver import state
from realserver.plan import plan, record, settle
from realserver.settings import HostState, LedgerEntry, Step, Wanted


class Changeable(Protocol):
    """A host that can be looked at and changed."""

    def observe(self, ledger: tuple[LedgerEntry, ...] = ()) -> HostState: ...

    def apply(self, step: Step) -> None: ...


def carry_out(host: Changeable, path: Path, want: Wanted, tell: Callable[[Step], None]) -> tuple[Step, ...]:
    """Make the host what is wanted; on an error the memory holds what was done so far, for the next run."""
    memory = state.read(path)
    steps = plan(host.observe(memory.ledger), want)
    ledger = memory.ledger
    state.write(path, state.Memory(want, ledger))
    for step in steps:
        ledger = record(ledger, step)
        state.write(path, state.Memory(want, ledger))
        host.apply(step)
        tell(step)
    state.write(path, state.Memory(want, settle(host.observe(ledger), want)))
    return steps
