# SPDX-License-Identifier: Apache-2.0
"""A kernel to boot, from a package or a directory into which one was unpacked: its image and its modules.

Knows nothing of what boots it. Debian's and Ubuntu's packages keep modules in lib/modules or usr/lib/modules
(Ubuntu's in a package of their own: unpack both into one directory).
"""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


class KernelError(Exception):
    """What was named is no kernel that can be booted, or the machine lacks what it takes."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """`root` has lib/modules/RELEASE, as modprobe and depmod want it."""

    image: Path
    root: Path
    release: str

    def modules(self, *names: str) -> tuple[Path, ...]:
        """Return the files of these modules and of what they need, in the order to load them."""
        found: dict[Path, None] = {}
        for name in names:
            for line in self._dependencies(name).splitlines():
                word, _, path = line.strip().partition(" ")
                if word == "insmod":  # the other is "builtin"
                    found[Path(path.split()[0])] = None
        return tuple(found)

    def _dependencies(self, name: str) -> str:
        return run("modprobe", "-d", str(self.root), "-S", self.release, "--show-depends", name)


def run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise KernelError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        raise KernelError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def kernel(what: Path, room: Path) -> Kernel:
    """Find the kernel in a package or a directory; unpack and index it in `room`, which must be empty."""
    if what.is_dir():
        unpacked = what.resolve()
    elif what.is_file():
        unpacked = room / "unpacked"
        run("dpkg", "-x", str(what), str(unpacked))
    else:
        raise KernelError(f"{what}: no such package or directory")
    image = _only(unpacked, "boot/vmlinuz-*")
    release = image.name.removeprefix("vmlinuz-")
    modules = _only(unpacked, f"**/lib/modules/{release}")
    root = room / "root"
    (root / "lib/modules").mkdir(parents=True)
    run("cp", "-as", str(modules), str(root / "lib/modules"))
    run("depmod", "-b", str(root), release)
    return Kernel(image, root, release)


def _only(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise KernelError(f"{directory} has {len(found)} of {pattern}, expected 1")
    return found[0]


def _zstd(path: Path) -> bytes:
    done = subprocess.run(("zstd", "-dcq", str(path)), capture_output=True, check=False)
    if done.returncode:
        raise KernelError(f"zstd: {done.stderr.decode().strip()}")
    return done.stdout


READERS: Mapping[str, Callable[[Path], bytes]] = MappingProxyType(
    {".ko": Path.read_bytes, ".xz": lambda path: lzma.decompress(path.read_bytes()), ".zst": _zstd}
)


def module_bytes(path: Path) -> bytes:
    """Read a module as the kernel takes it: not compressed."""
    reader = READERS.get(path.suffix)
    if reader is None:
        raise KernelError(f"{path}: cannot read modules that end so")
    return reader(path)
