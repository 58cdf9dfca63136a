# SPDX-License-Identifier: Apache-2.0
"""What this process may do, and what the kernel has that a director needs; tries, and leaves nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_PERFMON": 38, "CAP_BPF": 39}
CAP_SYS_ADMIN = 21
IMPLIED = frozenset({"CAP_PERFMON", "CAP_BPF"})
"""What CAP_SYS_ADMIN stands for as well."""
STATUS = Path("/proc/self/status")
BPFFS = "/sys/fs/bpf"


def missing_rights() -> tuple[str, ...]:
    """Name the capabilities that a director needs and this process has not."""
    (line,) = (each for each in STATUS.read_text().splitlines() if each.startswith("CapEff:"))
    held = int(line.split()[1], 16)
    administers = bool(held >> CAP_SYS_ADMIN & 1)
    return tuple(
        name
        for name, number in CAPABILITIES.items()
        if not held >> number & 1 and not (administers and name in IMPLIED)
    )


def packet_socket_refusal() -> str:
    """Say why there are no packet sockets; nothing where there are."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return os.strerror(error.errno or 0).lower()
    return ""


def has_bpffs() -> bool:
    """Say whether a bpf file system is at the usual place, for us or a process that we descend from.

    `ip netns exec` gives its command mounts of its own, which hide the host's.
    """
    return any(_is_bpffs(path) for path in (Path("/proc/self/mounts"), *_ancestors()))


def _is_bpffs(mounts: Path) -> bool:
    with suppress(OSError):
        found = (line.split()[1:3] for line in mounts.read_text().splitlines())
        return [kind for place, kind in found if place == BPFFS][-1:] == ["bpf"]
    return False


def _ancestors() -> Iterator[Path]:
    process = os.getppid()
    while process:
        yield Path(f"/proc/{process}/mounts")
        status = Path(f"/proc/{process}/status").read_text()
        process = int(status.partition("\nPPid:")[2].split()[0])
