# SPDX-License-Identifier: Apache-2.0
"""Write an initramfs: a cpio archive of the "newc" kind, which is what the kernel unpacks at boot.

Knows nothing of what the files are. The format is in the kernel's Documentation/driver-api/early-userspace.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
DIRECTORY, PROGRAM, FILE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFREG | 0o644


def archive(programs: Mapping[str, bytes], files: Mapping[str, bytes]) -> bytes:
    """Pack these, by paths without a leading slash; the directories that they are in come first."""
    directories = {path.rpartition("/")[0] for path in (*programs, *files) if "/" in path}
    entries = [
        *((path, DIRECTORY, b"") for path in sorted(directories)),
        *((path, PROGRAM, data) for path, data in programs.items()),
        *((path, FILE, data) for path, data in files.items()),
        (TRAILER, 0, b""),
    ]
    return b"".join(entry(number, *each) for number, each in enumerate(entries, start=1))


def entry(number: int, path: str, mode: int, data: bytes) -> bytes:
    name = path.encode() + b"\0"
    links, owner, time, device, checksum = 1, 0, 0, 0, 0
    fields = (number, mode, owner, owner, links, time, len(data), *(device,) * 4, len(name), checksum)
    return _padded(MAGIC + b"".join(b"%08X" % field for field in fields) + name) + _padded(data)


def _padded(piece: bytes) -> bytes:
    return piece + bytes(-len(piece) % 4)
