# SPDX-License-Identifier: Apache-2.0
"""Functions that are verified apart take their arguments through memory, and walks are cut short."""

from __future__ import annotations

import pytest

from tests.kernels.elder import aged
from tests.kernels.image import KernelError

SHIPPED = """\
LB_SUBPROGRAM u32 lb_find(struct lb_ctx *ctx, u32 now,
    const struct lb_key *key, u64 *control)
{
    for (u32 n = 0; n < LB_STRIDES; n++)
        break;
}
"""


def test_arguments_go_through_memory_and_those_that_may_be_written_come_back() -> None:
    text = aged(SHIPPED)
    for line in (
        "struct lb_find_room { struct lb_key key; u64 control; u32 now; u32 has_key; u32 has_control;  }",
        "weak)) u32 lb_find_apart(struct lb_ctx *ctx)",
        "u32 now = lb_find_given.now; struct lb_key *key = lb_find_given.has_key ? &lb_find_given.key : 0;",
        "return lb_find_body(ctx, now, key, control);",
        "lb_find_given.has_key = key != 0; lb_find_given.has_control = control != 0;",
        "if (key) lb_find_given.key = *key; if (control) lb_find_given.control = *control;",
        "if (control) *control = lb_find_given.control;",
    ):
        assert line in text
    assert " *key = lb_find_given.key;" not in text


def test_a_walk_takes_few_turns() -> None:
    assert "n < 4; n++" in aged(SHIPPED)


def test_a_function_that_takes_numbers_alone_stays_as_it_is() -> None:
    shipped = "LB_SUBPROGRAM u64 lb_sum(struct lb_ctx *ctx, u32 offset)\n{\n}\n"
    assert aged(shipped) == shipped


def test_an_argument_that_is_not_understood_is_refused() -> None:
    with pytest.raises(KernelError, match="lb_odd: arguments that are not understood"):
        aged("LB_SUBPROGRAM int lb_odd(struct lb_ctx *ctx, struct lb_key **keys)\n{\n}\n")
