# SPDX-License-Identifier: Apache-2.0
"""The programs' calls fit on the stack of kernels that count it more coarsely than this one."""

from __future__ import annotations

import pytest

from tests.kernels.stack import GIVEN, Function, deepest, functions
from tests.kernels.verifier import ROOT
from tests.needs import needs

OBJECTS = {"lb_xdp": "director/datapath/xdp.bpf.o", "lb_tc": "director/datapath/tc.bpf.o"}


def test_each_function_counts_as_whole_pieces_and_the_deepest_calls_are_found() -> None:
    known = {
        "main": Function(100, {"flat", "steep", "bpf_helper"}),
        "flat": Function(96),
        "steep": Function(0, {"end"}),
        "end": Function(65),
    }
    assert deepest(known, "main") == (128 + 32 + 96, ("main", "steep", "end"))


@needs("clang")
@pytest.mark.parametrize("program", OBJECTS)
def test_the_deepest_calls_of_a_program_fit(program: str) -> None:
    known = functions(ROOT / OBJECTS[program])
    assert known[program].depth > 0
    depth, calls = deepest(known, program)
    assert len(calls) > 2
    assert depth <= GIVEN, calls
