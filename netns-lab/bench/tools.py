# SPDX-License-Identifier: Apache-2.0
"""The bench's own two programs, flood.c and spare.c: compiled into a directory that goes with the bench."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.readings import parse_pair
from lab import LabError

SOURCES = ("flood", "spare")
COMPILE = ("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread")


@contextmanager
def tools() -> Iterator[Path]:
    """Compile the programs and return their directory."""
    with tempfile.TemporaryDirectory(prefix="director-bench-") as directory:
        for name in SOURCES:
            source = Path(__file__).parent / f"{name}.c"
            command = (*COMPILE, "-o", f"{directory}/{name}", str(source))
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LabError(f"{source} could not be compiled: {done.stderr.strip()}")
        yield Path(directory)


@dataclass(frozen=True, slots=True)
class Spare:
    """Turns a second of all cores' idle loops together."""

    rate: float
    cores: int


def spare_rate(directory: Path, seconds: float) -> Spare:
    """Count for so long what the machine has to spare."""
    command = (str(directory / "spare"), str(seconds))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 20)
    if done.returncode != 0:
        raise LabError(done.stderr.strip())
    turns, took = parse_pair(done.stdout)
    return Spare(turns / took, len(os.sched_getaffinity(0)))
