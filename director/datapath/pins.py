# SPDX-License-Identifier: Apache-2.0
"""Pins: names in a BPF file system by which maps and links of the kernel outlive the process that made them.

A director has one directory of them, named by its identity (whoever gives it, and is the same at each start)
and by its instance: the tables that it was made for. What is pinned, and whether it may be used again, is
not decided here.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError

MOUNTED = Path("/sys/fs/bpf")


@dataclass(frozen=True, slots=True)
class Pins:
    """A directory of pins; `place` is a descriptor of the one it is in."""

    place: int
    name: str

    @property
    def path(self) -> Path:
        """Say where it is for this process, whatever becomes of the way that led there."""
        return Path(f"/proc/self/fd/{self.place}") / self.name

    @property
    def instance(self) -> str:
        return self.name.rpartition("-")[2]

    def pin(self, name: str, descriptor: int) -> None:
        """Pin what this descriptor stands for, in place of what had the name before."""
        new = self.path / f"{name}-new"
        new.unlink(missing_ok=True)
        if lib.bpf_obj_pin(descriptor, os.fsencode(new)) < 0:
            raise DatapathError(ffi.errno, f"can not pin {name}: {os.strerror(ffi.errno)}")
        new.rename(self.path / name)

    def get(self, name: str) -> int:
        """Open what is pinned by this name."""
        descriptor = int(lib.bpf_obj_get(os.fsencode(self.path / name)))
        if descriptor < 0:
            raise DatapathError(ffi.errno, f"there is no pinned {name}: {os.strerror(ffi.errno)}")
        return descriptor

    def unpin(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self.path.iterdir()))

    def remove(self) -> None:
        """Remove the directory and every pin in it."""
        for name in self.names():
            self.unpin(name)
        self.path.rmdir()


def find_pins(identity: str) -> tuple[Pins, ...]:
    """Find the directories of this identity, of whatever instance."""
    return tuple(
        Pins(place, name)
        for place in _places()
        for name in sorted(path.name for path in Path(f"/proc/self/fd/{place}").iterdir())
        if name.startswith(f"director-{identity}-")
    )


def make_pins(identity: str, instance: str) -> Pins:
    """Make a directory where one can be made; DatapathError says why there is none."""
    refusal = "it is not there"
    for place in _places():
        pins = Pins(place, f"director-{identity}-{instance}")
        try:
            pins.path.mkdir(mode=0o700)
        except OSError as error:
            refusal = os.strerror(error.errno or errno.EIO).lower()
        else:
            return pins
    raise DatapathError(
        errno.EOPNOTSUPP,
        f"there is no BPF file system at {MOUNTED} to pin in ({refusal}); "
        f"`mount -t bpf bpf {MOUNTED}` makes one",
    )


@cache
def _places() -> tuple[int, ...]:
    """Open where a BPF file system may be mounted: here, or where a process is that we descend from.

    `ip netns exec` gives its command a mount namespace of its own, which hides the host's and ends with us.
    """
    found: dict[tuple[int, int], int] = {}
    for path in (MOUNTED, *(Path(f"/proc/{one}/root{MOUNTED}") for one in _ancestors())):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            about = os.fstat(descriptor)
            if found.setdefault((about.st_dev, about.st_ino), descriptor) != descriptor:
                os.close(descriptor)
    return tuple(found.values())


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    while process > 0:
        yield process
        process = _parent(process)


def _parent(process: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
