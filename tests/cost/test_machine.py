# SPDX-License-Identifier: Apache-2.0
"""The machine does what the kernel does: every packet case, to the byte, and each instruction by itself."""

from __future__ import annotations

import pytest

from director.datapath.programs import ProgramKind
from tests.cost.machine import Instruction, Machine
from tests.cost.machine_host import MachineHost
from tests.needs import needs
from tests.packets.case import Case
from tests.packets.cases import CASES
from tests.packets.hosts import walk
from tests.packets.limits import declared

EXIT = Instruction(0x95, 0, 0, 0, 0)


@needs("root", "netns", "bpf", "veth")
@pytest.mark.parametrize(
    ("kind", "case"),
    [
        pytest.param(kind, case, id=f"{kind.value}-{case.name}")
        for kind in ProgramKind
        for case in CASES
        if case.name not in declared(kind.value)
    ],
)
def test_the_machine_does_what_every_case_wants_of_the_program(kind: ProgramKind, case: Case) -> None:
    walk(MachineHost(kind), case)


def ran(*instructions: tuple[int, int, int, int, int]) -> int:
    program = tuple(Instruction(*words) for words in instructions)
    return Machine((*program, EXIT), (), {}).run(0)


@pytest.mark.parametrize(
    ("left", "code", "right", "wanted"),
    [
        (7, 0x07, -9, 2**64 - 2),
        (7, 0x04, -9, 2**32 - 2),
        (-8, 0xC7, 1, 2**64 - 4),
        (-8, 0xC4, 1, 2**32 - 4),
        (-8, 0x77, 60, 15),
        (-8, 0x74, 28, 15),
        (9, 0x37, 0, 0),
        (9, 0x97, 0, 9),
        (1, 0x67, 65, 2),
        (5, 0x87, 0, 2**64 - 5),
        (5, 0x84, 0, 2**32 - 5),
        (0x0102, 0xDC, 16, 0x0201),
        (0x01020304, 0xDC, 32, 0x04030201),
        (-1, 0xD4, 16, 0xFFFF),
    ],
)
def test_arithmetic_is_that_of_64_and_of_32_bits(left: int, code: int, right: int, wanted: int) -> None:
    assert ran((0xB7, 0, 0, 0, left), (code, 0, 0, 0, right)) == wanted


@pytest.mark.parametrize(
    ("code", "left", "right", "jumps"),
    [
        (0x25, -1, 1, True),
        (0x65, -1, 1, False),
        (0x26, -1, 1, True),
        (0xC6, -1, 1, True),
        (0xA5, 1, -1, True),
        (0xD5, -2, -2, True),
        (0x45, 6, 9, False),
        (0x55, 6, 9, True),
    ],
)
def test_a_condition_jumps_by_its_sign_and_width(code: int, left: int, right: int, jumps: bool) -> None:
    """r0 = 1 unless the jump goes past that."""
    after = ((0xB7, 0, 0, 0, 0), (0xB7, 1, 0, 0, left), (code, 1, 0, 1, right), (0xB7, 0, 0, 0, 1))
    assert ran(*after) == (0 if jumps else 1)


def test_a_function_keeps_its_callers_registers_and_has_a_stack_of_its_own() -> None:
    assert ran(
        (0xB7, 6, 0, 0, 40),
        (0x7A, 10, 0, -8, 2),
        (0x85, 0, 1, 0, 3),  # call what is behind the exit
        (0x0F, 0, 6, 0, 0),
        (0x79, 1, 10, -8, 0),
        (0x95, 0, 0, 0, 0),
        (0xB7, 6, 0, 0, 1),
        (0x7A, 10, 0, -8, 9),
        (0x79, 0, 10, -8, 0),
    ) == 49  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "expected", "wanted"),
    [(0x01, 0, (5, 12)), (0xE1, 0, (5, 7)), (0xF1, 5, (5, 7)), (0xF1, 6, (5, 5))],
)
def test_atomic_operations_give_what_was_there(
    operation: int, expected: int, wanted: tuple[int, int]
) -> None:
    """Of 5 in memory and 7 given: what comes back, and what is in memory then."""
    back = 0 if operation == 0xF1 else 1
    program = [
        (0x7A, 10, 0, -8, 5),
        (0xB7, 1, 0, 0, 7),
        (0xB7, 0, 0, 0, expected),
        (0xDB, 10, 1, -8, operation),
    ]
    assert (ran(*program, (0xBF, 0, back, 0, 0)), ran(*program, (0x79, 0, 10, -8, 0))) == wanted
