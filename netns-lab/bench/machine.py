# SPDX-License-Identifier: Apache-2.0
"""Facts about the machine and the programs, without which no number of a bench means anything."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {
    "wrk": ("wrk", "-v"),
    "iperf3": ("iperf3", "--version"),
    "haproxy": ("haproxy", "-v"),
    "nginx": ("nginx", "-v"),
    "nft": ("nft", "--version"),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when, and with what."""

    date: str
    commit: str
    kernel: str
    system: str
    processor: str
    cores: int
    load: float  # before the bench began, over a minute
    programs: dict[str, str]


def machine() -> Machine:
    """Look at the machine."""
    return Machine(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        kernel=platform.release(),
        system=platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        processor=processor(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        programs={name: version(said(*command)) for name, command in VERSIONS.items()},
    )


def commit() -> str:
    """Name the checkout's commit, with a + where the director differs from it; "unknown" without git."""
    name = said("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", "director")
    return f"{name}{'+' if changed else ''}" if re.fullmatch(r"[0-9a-f]{12,}", name) else "unknown"


def processor(cpuinfo: str) -> str:
    """Read the processor's name from /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def version(words: str) -> str:
    """Find the version in what a program says of itself."""
    found = re.search(r"\d+\.\d+(\.\d+)?", words)
    return found[0] if found else "unknown"


def said(*command: str) -> str:
    """Return what a program says on either output, whatever its status; "" when there is no such program."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip()
