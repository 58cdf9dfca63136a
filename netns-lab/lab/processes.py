# SPDX-License-Identifier: Apache-2.0
"""The processes of a lab: recorded when they start, ended when it goes down, and never another's.

A process id alone proves nothing, since the kernel uses it again: a record holds the start time too. What
lives in a lab's namespace without a record (a server's child that went its own way, something left by
`exec`) was started through the lab all the same, and is found by its namespace.
"""

import json
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.paths import NAMESPACES, LabPaths

PATIENCE = 3.0
ZOMBIE = "Z"
STATE_FIELD, START_TIME_FIELD = 0, 19  # in /proc/PID/stat, counted behind the parenthesised name


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that the lab started: identified by its id and its start time together."""

    pid: int
    start_time: int
    node: str
    label: str
    command: tuple[str, ...]

    @property
    def is_alive(self) -> bool:
        return start_time(self.pid) == self.start_time


def start_time(pid: int) -> int | None:
    """Read when a living process was started, in clock ticks since boot; None for a dead one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[STATE_FIELD] == ZOMBIE else int(fields[START_TIME_FIELD])


def record(paths: LabPaths, pid: int, node: str, label: str, command: tuple[str, ...]) -> ProcessRecord:
    """Write down a process that was just started."""
    entry = ProcessRecord(pid, start_time(pid) or 0, node, label, command)
    (paths.processes / f"{pid}.json").write_text(json.dumps(asdict(entry)) + "\n")
    return entry


def forget(paths: LabPaths, entry: ProcessRecord) -> None:
    (paths.processes / f"{entry.pid}.json").unlink(missing_ok=True)


def records(paths: LabPaths) -> tuple[ProcessRecord, ...]:
    """Read every record of a lab; a file cut short by a crash is left out."""
    found = []
    for path in sorted(paths.processes.glob("*.json")):
        with suppress(ValueError, TypeError, OSError):
            table = json.loads(path.read_text())
            found.append(ProcessRecord(**(table | {"command": tuple(table["command"])})))
    return tuple(found)


def end(entry: ProcessRecord) -> None:
    """End a recorded process with its group: a request first, force after the patience is spent."""
    with _handle(entry.pid) as handle:
        if handle is None or not entry.is_alive:
            return
        for order in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(entry.pid, order)
            if _is_gone(handle, PATIENCE):
                return


def end_inhabitants(namespaces: Iterable[str]) -> None:
    """End every process that lives in one of the namespaces, but for the caller and its ancestors."""
    homes = {home for home in map(_home, namespaces) if home is not None}
    spared = set(_lineage(os.getpid()))
    for order in (signal.SIGTERM, signal.SIGKILL):
        pids = [pid for pid in _pids() if pid not in spared and _home_of(pid) in homes]
        deadline = time.monotonic() + PATIENCE
        for pid in pids:
            _signal_inhabitant(pid, homes, order)
        for pid in pids:
            with _handle(pid) as handle:
                if handle is not None and _home_of(pid) in homes:
                    _is_gone(handle, deadline - time.monotonic())


Home = tuple[int, int]


def _home(namespace: str) -> Home | None:
    try:
        status = (NAMESPACES / namespace).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _home_of(pid: int) -> Home | None:
    try:
        status = Path(f"/proc/{pid}/ns/net").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _signal_inhabitant(pid: int, homes: set[Home], order: signal.Signals) -> None:
    with _handle(pid) as handle:
        if handle is not None and _home_of(pid) in homes:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, order)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _lineage(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """Hold a process by descriptor, so that its id cannot be taken over meanwhile."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _is_gone(handle: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1000))
