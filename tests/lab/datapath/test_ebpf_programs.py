# SPDX-License-Identifier: Apache-2.0
"""The eBPF hosts of the packet path are taken by the kernel's verifier, and leave it room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from director.datapath._native import ffi, lib

from tests.needs import needs

pytestmark = [needs("root", "bpf")]

OBJECTS = Path(__file__).parents[3] / "director" / "datapath"
BUDGET = 500_000
"""Instructions that the verifier may process; the kernel allows a million."""
LOG_STATS = 4
ROOM = 1 << 20


def processed(name: str) -> int:
    """Load a program and return how many instructions the verifier processed."""
    path = ffi.new("char[]", str(OBJECTS / name).encode())
    loaded = lib.bpf_object__open_file(path, ffi.NULL)
    assert loaded != ffi.NULL
    log = ffi.new("char[]", ROOM)
    try:
        program = lib.bpf_object__next_program(loaded, ffi.NULL)
        lib.bpf_program__set_log_level(program, LOG_STATS)
        lib.bpf_program__set_log_buf(program, log, ROOM)
        done = lib.bpf_object__load(loaded)
        text = ffi.string(log).decode()
        assert done == 0, text[-2000:]
    finally:
        lib.bpf_object__close(loaded)
    found = re.search(r"processed (\d+) insns", text)
    assert found is not None
    return int(found.group(1))


@pytest.mark.parametrize("name", ["xdp.bpf.o", "tc.bpf.o"])
def test_the_verifier_takes_the_program_and_has_room_to_spare(name: str) -> None:
    assert processed(name) < BUDGET
