# SPDX-License-Identifier: Apache-2.0
"""The bench's own programs, for user space and the kernel, compiled into a directory that goes with it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.readings import parse_pair
from bench.scene import FRAMES
from lab import LabError

ROOM = Path(__file__).parent
GCC = ("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread")
CLANG = ("clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-fno-strict-aliasing", "-Wall", "-Wextra", "-c")


@contextmanager
def tools() -> Iterator[Path]:
    """Compile the programs and return their directory."""
    with tempfile.TemporaryDirectory(prefix="director-bench-") as name:
        directory = Path(name)
        for program, libraries in (("flood", ()), ("spare", ()), ("inject", ("-lbpf",))):
            _compile(GCC, ROOM / f"{program}.c", directory / program, *libraries)
        _compile((*CLANG, *_multiarch_include()), ROOM / "frames.bpf.c", directory / FRAMES)
        yield directory


def _compile(compiler: tuple[str, ...], source: Path, target: Path, *libraries: str) -> None:
    command = (*compiler, str(source), "-o", str(target), *libraries)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{source} could not be compiled: {done.stderr.strip()}")


def _multiarch_include() -> tuple[str, ...]:
    """Name the directory of <asm/types.h>, which Debian keeps apart for each architecture."""
    said = subprocess.run(("gcc", "-print-multiarch"), capture_output=True, text=True, check=True)
    directory = Path("/usr/include") / said.stdout.strip()
    return (f"-I{directory}",) if directory.is_dir() else ()


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
