# SPDX-License-Identifier: Apache-2.0
"""Statements and blocks of a keepalived.conf."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from director.importing.blocks import MOST_WORDS, Block, parse

Shape = tuple[int, tuple[str, ...], list["Shape"]]


def shape(blocks: list[Block]) -> list[Shape]:
    return [(each.line, each.words, shape(each.below)) for each in blocks]


def test_a_brace_opens_a_statements_block_on_its_line_or_the_next() -> None:
    text = 'a 1 { b "x y" { c } d\n}\ne # f\n{\n  g ! h\n}\n'
    assert shape(parse(text)) == [
        (1, ("a", "1"), [(1, ("b", "x y"), [(1, ("c",), [])]), (1, ("d",), [])]),
        (3, ("e",), [(5, ("g",), [])]),
    ]


def test_braces_that_match_nothing_are_passed_over() -> None:
    assert shape(parse("} a\n{ { b")) == [(1, ("a",), [(2, (), [(2, ("b",), [])])])]


def test_depth_and_length_are_bounded_by_the_text_alone() -> None:
    deep = parse("a " + "{ " * 100_000)
    assert deep[0].words == ("a",)
    assert len(parse("a " * 100_000)[0].words) == MOST_WORDS


@given(st.text('ab{}#!" \n', max_size=100))
def test_any_text_is_read(text: str) -> None:
    parse(text)
