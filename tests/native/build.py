# SPDX-License-Identifier: Apache-2.0
"""Compile the packet code into test programs, with the sanitizers or without."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "director" / "datapath" / "native"
HERE = Path(__file__).parent
PACKET_CODE = tuple(
    NATIVE / name
    for name in ("conntable.c", "datapath.c", "emit.c", "image.c", "segment.c", "sync.c", "try.c")
)
# As setup.py compiles the extension: with strict aliasing the wire layouts lose stores.
FLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-g",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pthread",
)
SANITIZERS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compile_program(target: Path, *sources: Path, flags: tuple[str, ...], compiler: str = "gcc") -> Path:
    """Compile these sources with the packet code; a compiler's complaint fails the test that asked."""
    quoted = ("-iquote", NATIVE, "-iquote", HERE)
    command = [
        str(word) for word in (compiler, *FLAGS, *flags, *quoted, *sources, *PACKET_CODE, "-o", target)
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target
