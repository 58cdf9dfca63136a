# SPDX-License-Identifier: Apache-2.0
"""The life of a lab's directory: claimed, filled, marked complete, removed, and the traces a dead lab left.

Touches files and one mount. Mount namespaces can only be pinned on a private mount, and most
distributions share all of theirs, so the directory is a private mount of itself. Knows nothing of
interfaces.
"""

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lab.errors import LabError
from lab.kernel import existing_namespaces
from lab.paths import LabPaths
from lab.plan import Step
from lab.processes import records
from lab.topology import Topology


class LabState(Enum):
    """What is there of a lab."""

    ABSENT = "absent"
    UP = "up"
    HALF = "half-cleaned"


@dataclass(frozen=True, slots=True)
class Traces:
    """What was found of a lab on the machine."""

    state: LabState
    namespaces: tuple[str, ...]
    wanted: int
    has_directory: bool
    processes: int

    def __str__(self) -> str:
        directory = "its directory" if self.has_directory else "no directory"
        namespaces = f"{len(self.namespaces)} of its {self.wanted} namespaces"
        return f"{directory}, {namespaces}, living processes: {self.processes}"


def find_traces(paths: LabPaths, wanted: Sequence[str]) -> Traces:
    """Look for a lab's directory and its namespaces."""
    found = tuple(sorted(existing_namespaces() & set(wanted)))
    directory = paths.root.exists()
    if not found and not directory:
        state = LabState.ABSENT
    elif paths.complete.exists() and len(found) == len(wanted):
        state = LabState.UP
    else:
        state = LabState.HALF
    alive = sum(entry.is_alive for entry in records(paths))
    return Traces(state, found, len(wanted), directory, alive)


def claim(paths: LabPaths) -> None:
    """Make the lab's directory; who makes it owns the lab's name."""
    paths.base.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        paths.root.mkdir(mode=0o755)
    except FileExistsError as error:
        raise LabError(
            f"lab {paths.name}: {paths.root} is there already: another lab took the name"
        ) from error
    for directory in (paths.logs, paths.captures, paths.processes):
        directory.mkdir()
    _mount("--bind", str(paths.root), str(paths.root))
    _mount("--make-private", str(paths.root))
    paths.mounts.mkdir()


def _mount(*words: str) -> None:
    done = subprocess.run(("mount", *words), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"mount {' '.join(words)}: {done.stderr.strip()}")


def record_plan(
    paths: LabPaths, source: Path, topology: Topology, names: Sequence[str], plan: Sequence[Step]
) -> None:
    """Write down what is going to be built, before it is: `down` and the reader need it."""
    shutil.copyfile(source, paths.topology)
    steps = [{"step": type(step).__name__, **dataclasses.asdict(step)} for step in plan]
    document = {"name": paths.name, "topology": topology.name, "namespaces": list(names), "steps": steps}
    paths.plan.write_text(json.dumps(document, indent=1, default=str) + "\n")


def recorded_topology_name(paths: LabPaths) -> str:
    """Read what a lab was built from, or say that it died before it could write it down."""
    try:
        return str(json.loads(paths.plan.read_text())["topology"])
    except (OSError, ValueError, KeyError):
        return "unknown"


def recorded_namespaces(paths: LabPaths) -> tuple[str, ...]:
    """Read the namespaces that a lab recorded, or none where it died before it could."""
    try:
        return tuple(json.loads(paths.plan.read_text())["namespaces"])
    except (OSError, ValueError, KeyError):
        return ()


def remove(paths: LabPaths) -> None:
    """Unpin the mount namespaces and remove the lab's directory."""
    if not paths.root.exists():
        return
    for point in sorted(_mount_points(paths.root), key=len, reverse=True):
        subprocess.run(("umount", "--lazy", point), capture_output=True, check=False)
    shutil.rmtree(paths.root)


def _mount_points(root: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].replace("\\040", " ") for line in lines]
    return [point for point in points if Path(point).is_relative_to(root)]
