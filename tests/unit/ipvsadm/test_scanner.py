# SPDX-License-Identifier: Apache-2.0
"""Command lines taken apart as popt does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.ipvsadm.errors import SyntaxFaultError
from director.ipvsadm.scanner import Scanner


def taken(*words: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    scanner, found = Scanner(words), []
    while (each := scanner.next()) is not None:
        found.append((each.switch.long, each.value))
    return found, scanner.left


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("-Ln",), [("list", None), ("numeric", None)]),
        (("-Lnc",), [("list", None), ("numeric", None), ("connection", None)]),
        (("-srr",), [("scheduler", "rr")]),
        (("-s=rr",), [("scheduler", "rr")]),
        (("-s", "-p"), [("scheduler", "-p")]),
        (("--scheduler=rr",), [("scheduler", "rr")]),
        (("--scheduler=",), [("scheduler", "")]),
        (("-p",), [("persistent", None)]),
        (("-p", "-n"), [("persistent", None), ("numeric", None)]),
        (("-p", "30"), [("persistent", "30")]),
        (("-p30",), [("persistent", "30")]),
        (("--persistent", "30"), [("persistent", "30")]),
    ],
)
def test_a_switch_is_found_with_its_value(
    words: tuple[str, ...], wanted: list[tuple[str, str | None]]
) -> None:
    assert taken(*words) == (wanted, [])


def test_words_that_are_no_switch_are_left() -> None:
    assert taken("a", "-n", "-", "b", "--", "-c") == ([("numeric", None)], ["a", "-", "b", "-c"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-Q",), "-Q: unknown option"),
        (("-nQ",), "-nQ: unknown option"),
        (("--no-such=3",), "--no-such=3: unknown option"),
        (("--num",), "--num: unknown option"),
        (("-s",), "-s: missing argument"),
        (("-ns",), "-ns: missing argument"),
        (("--scheduler",), "--scheduler: missing argument"),
        (("-n=3",), "-n=3: option does not take an argument"),
        (("--numeric=3",), "--numeric=3: option does not take an argument"),
    ],
)
def test_what_can_not_be_read_is_named_as_it_stands(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SyntaxFaultError) as error:
        taken(*words)
    assert (str(error.value), error.value.status) == (sentence, 255)


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_words_are_taken_apart_or_refused(words: list[str]) -> None:
    try:
        found, left = taken(*words)
    except SyntaxFaultError:
        return
    assert len(found) + len(left) >= (1 if any(word not in {"", "--"} for word in words) else 0)
