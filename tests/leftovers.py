# SPDX-License-Identifier: Apache-2.0
"""What a test run may leave behind and must not: processes, network namespaces, clsact in the root namespace.

Other runs may be going on beside this one, so what is found has to be known as ours: a process by a mark in
its environment, which children inherit; a namespace by being new, with nobody else's process in it and no
living stranger's pid in its name (tests name their namespaces with the pid of the process that makes them).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

MARK = "DIRECTOR_TEST_RUN"
PATIENCE = 5.0  # seconds for what has been told to stop to be gone
NAMESPACES = Path("/run/netns")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stood on the machine at one moment, beside processes."""

    namespaces: frozenset[str]
    clsact: frozenset[str]


def look() -> Surroundings:
    return Surroundings(namespaces=_namespaces(), clsact=_clsact())


def mark_run() -> str:
    """Mark this process's children, and theirs, as started by this run."""
    mark = f"{os.getpid()}-{time.time_ns()}"
    os.environ[MARK] = mark
    return mark


def leftovers(before: Surroundings, mark: str, patience: float = PATIENCE) -> tuple[str, ...]:
    """Say what the run left, a line each, once nothing more goes away or the patience is at its end."""
    deadline = time.monotonic() + patience
    while found := _found(before, mark):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def _found(before: Surroundings, mark: str) -> tuple[str, ...]:
    ours = marked_processes(mark)
    after = look()
    namespaces = [name for name in after.namespaces - before.namespaces if _is_ours(name, ours)]
    return (
        *(f"process {pid}: {_command_line(pid)}" for pid in sorted(ours)),
        *(f"network namespace {name}" for name in sorted(namespaces)),
        *(f"in the root namespace: {qdisc}" for qdisc in sorted(after.clsact - before.clsact)),
    )


def marked_processes(mark: str) -> frozenset[int]:
    """Find the living processes whose environment carries the mark; zombies have none."""
    wanted = f"{MARK}={mark}".encode()
    return frozenset(pid for pid in _pids() if wanted in _environment(pid).split(b"\0"))


def _is_ours(namespace: str, ours: frozenset[int]) -> bool:
    named = {int(digits) for digits in re.findall(r"\d+", namespace)}
    strangers = {pid for pid in named if pid > 1 and Path(f"/proc/{pid}").exists()} - ours - {os.getpid()}
    return not strangers and not (_inhabitants(namespace) - ours)


def _inhabitants(namespace: str) -> frozenset[int]:
    try:
        inode = (NAMESPACES / namespace).stat().st_ino
    except OSError:
        return frozenset()
    return frozenset(pid for pid in _pids() if _namespace_inode(pid) == inode)


def _namespace_inode(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    return None


def _namespaces() -> frozenset[str]:
    return frozenset(path.name for path in NAMESPACES.iterdir()) if NAMESPACES.is_dir() else frozenset()


def _clsact() -> frozenset[str]:
    with contextlib.suppress(OSError):
        shown = subprocess.run(["tc", "qdisc", "show"], capture_output=True, text=True, check=False).stdout
        return clsact_in(shown)
    return frozenset()


def clsact_in(shown: str) -> frozenset[str]:
    """Pick the clsact lines out of what `tc qdisc show` printed."""
    return frozenset(line.strip() for line in shown.splitlines() if " clsact " in line)


def _pids() -> tuple[int, ...]:
    return tuple(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return "(gone)"
