# SPDX-License-Identifier: Apache-2.0
"""Run the tests that depend on the kernel in other kernels: `python -m tests.kernels [--record] KERNEL...`

A KERNEL is a package (linux-image-*-unsigned_*.deb, as `apt-get download` brings it) or a directory into
which one was unpacked. Asks for qemu-system-x86, virtiofsd, kmod and gcc. Takes about ten minutes a kernel,
most of them for the packet cases, which --quick leaves out. Not part of the test suite.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kernels import trials
from tests.kernels.budget import BUDGET, record
from tests.kernels.elder import stand_ins
from tests.kernels.image import Kernel, KernelError, kernel
from tests.kernels.machine import boot

GUEST = Path(__file__).with_name("guest.py")
REPOSITORY = Path(__file__).parents[2]
RESULT = "@"

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Guest:
    """A kernel, and the eBPF objects to put in place of those that it would find."""

    kernel: Kernel
    instead: Mapping[Path, Path]

    def say(self, what: str) -> None:
        print(f"{self.kernel.release}: {what}", flush=True)

    def ask(self, commands: Sequence[tuple[str, ...]]) -> list[Result]:
        """Boot, run these commands, show what they print, and return what they answered."""
        results = []
        with tempfile.TemporaryDirectory(prefix="director-guest-") as directory:
            room = Path(directory)
            (room / "job.json").write_text(json.dumps(self._job(commands)))
            for line in boot(self.kernel, GUEST, room):
                if line.startswith(RESULT):
                    results.append(json.loads(line.removeprefix(RESULT)))
                else:
                    print(f"  {line}", flush=True)
        return results

    def _job(self, commands: Sequence[tuple[str, ...]]) -> Result:
        return {
            "root": str(self.kernel.root),
            "modules": trials.MODULES,
            "instead": [(str(shipped), str(other)) for shipped, other in self.instead.items()],
            "directory": str(REPOSITORY),
            "commands": commands,
        }


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.kernels", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kernels", nargs="+", type=Path, metavar="KERNEL")
    parser.add_argument("--quick", action="store_true", help="leave the packet cases out")
    parser.add_argument("--elder", action="store_true", help="put stand-ins for what came in 5.11 and 5.12")
    parser.add_argument("--record", action="store_true", help="write what was counted into recorded.json")
    asked = parser.parse_args(words)
    return max([tried(what, asked) for what in asked.kernels])


def tried(what: Path, asked: argparse.Namespace) -> int:
    """Try one kernel; return 0 where all went as it must."""
    with tempfile.TemporaryDirectory(prefix="director-kernel-") as directory:
        room = Path(directory)
        try:
            guest = Guest(kernel(what, room), stand_ins(room) if asked.elder else {})
            verdicts = _verified(guest)
            refused = any(each["refusal"] for each in verdicts.values())
            if asked.record and not refused and not asked.elder:
                record(guest.kernel.release, {name: each["processed"] for name, each in verdicts.items()})
            over = 0 if asked.elder else _over_budget(guest, verdicts)  # stand-ins are dearer
            return max(_tested(guest, _runs(asked, refused=refused)), over)
        except KernelError as error:
            print(f"{what}: {error}")
            return 1


def _runs(asked: argparse.Namespace, *, refused: bool) -> trials.Runs:
    if refused:
        return trials.FALLBACK
    runs = trials.ELDER if asked.elder else trials.FORWARDING
    return runs[:1] if asked.quick else runs


def _verified(guest: Guest) -> Mapping[str, Result]:
    """Boot and have the verifier look at every program."""
    results = guest.ask([trials.counting()])
    said: Mapping[str, Result] = next((each["verified"] for each in results if "verified" in each), {})
    if not said:
        raise KernelError(f"{guest.kernel.release}: the guest did not say what the verifier says")
    for name, each in said.items():
        guest.say(f"{name}: {each['refusal'] or each['processed']}")
    return said


def _over_budget(guest: Guest, verdicts: Mapping[str, Result]) -> int:
    over = {name: each["processed"] for name, each in verdicts.items() if each["processed"] > BUDGET[name]}
    if over:
        guest.say(f"over the budget: {over}")
    return int(bool(over))


def _tested(guest: Guest, runs: trials.Runs) -> int:
    """Boot and run the tests: those of forwarding, or of falling back where the programs are refused."""
    results = guest.ask([trials.running(words) for words in runs])
    statuses = [each["status"] for each in results if "status" in each]
    good = len(statuses) == len(runs) and not any(statuses)
    kind = "falls back to packet" if runs is trials.FALLBACK else "forwards"
    guest.say(f"{kind}: {'passed' if good else 'FAILED'}")
    return int(not good)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started here ends with this
    sys.exit(main(sys.argv[1:]))
