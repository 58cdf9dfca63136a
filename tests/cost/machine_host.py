# SPDX-License-Identifier: Apache-2.0
"""The machine as a host of packet cases, over the tables of the program in the kernel.

So every case can hold the machine to what the kernel does, and a case's frames can be counted.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from director.datapath.programs import ProgramKind
from tests.cost.kernel import Loaded, Outcome
from tests.packets.case import Arrival
from tests.packets.ebpf_host import CONTEXTS, EPOCH, EbpfHost, UnfitFrameError, loaded
from tests.packets.network import INSIDE, INSIDE_MAC, OUTSIDE, OUTSIDE_MAC
from tests.packets.table_host import SETS

HEADERS = 14
MACS = {
    index: bytes.fromhex(mac.replace(":", ""))
    for index, mac in ((OUTSIDE, OUTSIDE_MAC), (INSIDE, INSIDE_MAC))
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a test run in the kernel would have told."""

    retval: int
    data_size_out: int


class MachineHost(EbpfHost):
    """One program, run by the machine."""

    def __init__(self, kind: ProgramKind) -> None:
        super().__init__(kind)
        self._machine = machine(kind)

    def count(self, arrival: Arrival, now: int) -> Outcome:
        """Run a frame as the data path runs it: nothing says that this is a test."""
        self._tables.shared.test_now = 0
        return self._machine.run(arrival.frame, arrival.interface, EPOCH + now)

    def _run(self, arrival: Arrival) -> Run:
        CONTEXTS[self._kind](arrival)  # refuses what the kernel's test run would
        if len(arrival.frame) < HEADERS:
            raise UnfitFrameError("a test run takes no such frame")
        outcome = self._machine.run(arrival.frame, arrival.interface, self._now)
        self._out[0 : len(outcome.frame)] = outcome.frame
        return Run(outcome.verdict, len(outcome.frame))


@functools.cache
def machine(kind: ProgramKind) -> Loaded:
    return Loaded(loaded(kind, SETS), MACS)
