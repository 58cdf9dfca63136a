# SPDX-License-Identifier: Apache-2.0
"""How much stack a program's deepest calls take, by the rule of older kernels.

A kernel gives all functions that are inside one another 512 bytes. Those before 6.9 round each up to 32,
later ones to 16, so a program that just fits here may not fit there, and the verifier does not say how near
it is. Read from the object by llvm-objdump; knows nothing of what the functions do.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GIVEN = 512
ROUNDING = 32
FUNCTION = re.compile(r"^[0-9a-f]+ <(?!LBB)(\w+)>:$")
OFFSET = re.compile(r"\(r10 - (\d+)\)|r\d+ \+= -(\d+)$")
CALL = re.compile(r"R_BPF_64_32\s+(\w+)$")


@dataclass
class Function:
    """The stack that a function uses itself, and what it calls."""

    depth: int = 0
    calls: set[str] = field(default_factory=set)


def functions(path: Path) -> Mapping[str, Function]:
    command = ("llvm-objdump", "-dr", "--no-show-raw-insn", str(path))
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Function] = {}
    current = Function()
    for line in listing.splitlines():
        if begun := FUNCTION.search(line):
            current = found.setdefault(begun[1], Function())
        if used := OFFSET.search(line):
            current.depth = max(current.depth, int(used[1] or used[2]))
        if called := CALL.search(line):
            current.calls.add(called[1])
    return found


def deepest(known: Mapping[str, Function], name: str) -> tuple[int, tuple[str, ...]]:
    """Return how much stack is taken inside this function at most, and by which calls."""
    function = known[name]
    own = -(-max(function.depth, 1) // ROUNDING) * ROUNDING
    below = [deepest(known, called) for called in sorted(function.calls & known.keys())]
    depth, path = max(below, default=(0, ()))
    return own + depth, (name, *path)
