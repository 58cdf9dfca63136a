# SPDX-License-Identifier: Apache-2.0
"""How faults are worded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.config.errors import ConfigError, Fault, join, key_path, show

WEIGHT = Fault("weight", "-1", "an integer from 0", "-1 is below 0")


def test_a_fault_says_its_key_and_what_was_found() -> None:
    assert (
        str(WEIGHT.below(("service", 2, "destination", 0)))
        == "service[2].destination[0].weight: -1 is below 0"
    )


def test_an_error_names_the_file_before_each_fault() -> None:
    both = ConfigError([WEIGHT, WEIGHT.below(("service", 1))], "a.toml")
    assert str(both).splitlines() == [
        "a.toml: weight: -1 is below 0",
        "a.toml: service[1].weight: -1 is below 0",
    ]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), ""),
        (("sysctl", "sloppy_tcp"), "sysctl.sloppy_tcp"),
        (("service", 0, "flags", 1), "service[0].flags[1]"),
        (("a b",), '"a b"'),
        (("\x1b[31m",), '"\\u001b[31m"'),
    ],
)
def test_a_path_is_written_as_users_write_it(path: tuple[str | int, ...], written: str) -> None:
    assert key_path(path) == written


@pytest.mark.parametrize(
    ("path", "key", "joined"),
    [
        ((), "a", "a"),
        (("a",), "", "a"),
        (("a",), "b", "a.b"),
        (("a", 1), "b", "a[1].b"),
        (("a",), "[0]", "a[0]"),
    ],
)
def test_keys_are_joined_with_a_dot_only_where_one_belongs(
    path: tuple[str | int, ...], key: str, joined: str
) -> None:
    assert join(path, key) == joined


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"), (7, "7"), ("x", '"x"'), ("\x1b[2J", '"\\u001b[2J"'), ({}, "a table"), ([], "a list"),
        (None, "null"), (10**90, "a huge number"), ("y" * 200, '"' + "y" * 79 + "..."),
    ],
)  # fmt: skip
def test_a_found_value_is_shown_briefly(value: object, shown: str) -> None:
    assert show(value) == shown


@given(st.text())
def test_a_shown_text_has_one_line_and_no_control_characters(text: str) -> None:
    assert show(text).isprintable()
