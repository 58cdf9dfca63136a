# SPDX-License-Identifier: Apache-2.0
"""Boot a kernel in an emulated machine that sees the host's file system, and hand on what it says.

The root is the host's own, read-only, by virtiofs, since Debian's cloud kernels have no 9p. The emulator is
QEMU's own code generator, which asks nothing of the host. Knows nothing of what runs inside.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kernels.archive import archive
from tests.kernels.image import Kernel, KernelError, module_bytes, run

HERE = Path(__file__).parent
MEMORY = "2G"
VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")
PATIENCE = 20.0
ESCAPES = re.compile(r"\x1b\[?[?\d;]*[A-Za-z]")  # the firmware clears the screen
QUIET = "console=ttyS0 panic=-1 quiet loglevel=1 mitigations=off"


def boot(kernel: Kernel, guest: Path, room: Path) -> Iterator[str]:
    """Run `guest` as the kernel's init, with ROOM in its environment; yield the lines that it prints."""
    initramfs = room / "initramfs"
    initramfs.write_bytes(_initramfs(kernel, room))
    share = room / "share"
    with (
        _shared_root(share),
        subprocess.Popen(
            _emulator(kernel, initramfs, share, f"GUEST={guest} ROOM={room}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as emulator,
    ):
        assert emulator.stdout is not None
        try:
            for line in emulator.stdout:
                yield ESCAPES.sub("", line).rstrip()
        finally:
            emulator.kill()


def _initramfs(kernel: Kernel, room: Path) -> bytes:
    first = room / "first"
    run("gcc", "-O2", "-static", str(HERE / "first.c"), "-o", str(first))
    modules = kernel.modules("virtio_pci", "virtiofs")
    named = {f"modules/{number:03}.ko": module_bytes(path) for number, path in enumerate(modules)}
    return archive({"init": first.read_bytes()}, {"dev/.keep": b"", **named})


def _emulator(kernel: Kernel, initramfs: Path, share: Path, words: str) -> tuple[str, ...]:
    return (
        "qemu-system-x86_64", "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio",
        "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", MEMORY,
        "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on", "-numa", "node,memdev=memory",
        "-chardev", f"socket,id=share,path={share}",
        "-device", "vhost-user-fs-pci,chardev=share,tag=root",
        "-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", f"{QUIET} {words}",
    )  # fmt: skip


@contextlib.contextmanager
def _shared_root(share: Path) -> Iterator[None]:
    program = next((path for path in VIRTIOFSD if shutil.which(path)), None)
    if program is None:
        raise KernelError("virtiofsd is not installed (package virtiofsd, in Debian 12 qemu-system-common)")
    command = (program, f"--socket-path={share}", "-o", "source=/", "-o", "sandbox=chroot,cache=always")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(share, server)
            yield
        finally:
            server.kill()


def _wait_for(share: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not share.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise KernelError("virtiofsd does not serve")
        time.sleep(0.05)
