# SPDX-License-Identifier: Apache-2.0
"""Give the kernel each eBPF program and say how many instructions its verifier processed.

Run as a program it prints that as one line of JSON, with the kernel's own words where it refused one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from director.datapath._native import ffi, lib

ROOT = Path(__file__).parents[2]
OBJECTS = (
    "director/datapath/xdp.bpf.o",
    "director/datapath/tc.bpf.o",
    "director/datapath/guard.bpf.o",
    "realserver/decap.bpf.o",
)
LOG_STATS = 4
ROOM = 1 << 20
PROCESSED = re.compile(r"processed (\d+) insns")
STATISTICS = re.compile(r"processed |verification time |stack depth ")


@dataclass(frozen=True, slots=True)
class Verified:
    """What the verifier said of a program: `processed` instructions, and why it refused it."""

    processed: int
    refusal: str = ""


def verified(name: str) -> Mapping[str, Verified]:
    """Load an object, and return what was said of each program in it, by the program's name."""
    lib.libbpf_set_print(ffi.NULL)
    loaded = lib.bpf_object__open_file(str(ROOT / name).encode(), ffi.NULL)
    assert loaded != ffi.NULL, f"{name} is not built"
    try:
        logs = dict(_logs(loaded))
        taken = lib.bpf_object__load(loaded) == 0
        return {program: _read(ffi.string(log).decode(), taken=taken) for program, log in logs.items()}
    finally:
        lib.bpf_object__close(loaded)


def _logs(loaded: Any) -> Iterator[tuple[str, Any]]:
    program = lib.bpf_object__next_program(loaded, ffi.NULL)
    while program != ffi.NULL:
        log = ffi.new("char[]", ROOM)
        lib.bpf_program__set_log_level(program, LOG_STATS)
        lib.bpf_program__set_log_buf(program, log, ROOM)
        yield ffi.string(lib.bpf_program__name(program)).decode(), log
        program = lib.bpf_object__next_program(loaded, program)


def _read(log: str, *, taken: bool) -> Verified:
    found = PROCESSED.search(log)
    words = [line for line in log.splitlines() if not STATISTICS.match(line)]
    refusal = "" if taken else (words or ["refused without a word"])[-1]
    return Verified(int(found[1]) if found else 0, refusal)


def main() -> None:
    said = {program: asdict(each) for name in OBJECTS for program, each in verified(name).items()}
    print("@" + json.dumps({"verified": said}), flush=True)


if __name__ == "__main__":
    main()
