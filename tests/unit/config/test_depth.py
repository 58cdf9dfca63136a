# SPDX-License-Identifier: Apache-2.0
"""Keys that go too deep are found where they begin, and nothing else is taken for one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.config.depth import MAX_PARTS, too_deep
from director.config.errors import ConfigError
from director.config.load import toml_values

LONGEST = ".".join("a" * MAX_PARTS)
TOO_LONG = f"{LONGEST}.a"
SECONDS = 2.0

FOUND = {
    "a dotted key": (f"b = 1\n{TOO_LONG} = 1\n", 6),
    "a header": (f"[{TOO_LONG}]\n", 1),
    "a list's header": (f"[[{TOO_LONG}]]\n", 2),
    "a key in an inline table": (f"b = {{ {TOO_LONG} = 1 }}\n", 6),
    "quoted parts and blanks": (" . ".join(['"a.\\"b"', "'a'", "a"] * 6) + " = 1", 0),
}
PASSED = {
    "the deepest key": f"{LONGEST} = 1\n[{LONGEST}]\n",
    "a comment": f"# {TOO_LONG}\n",
    "a string": f'b = "{TOO_LONG}"\n',
    "a literal string": f"b = '{TOO_LONG}'\n",
    "a string of more lines": f'b = """\n{TOO_LONG} ""\\""" """\n',
    "a literal string of more lines": f"b = '''\n{TOO_LONG} '' '''\n",
}


@pytest.mark.parametrize(("text", "start"), FOUND.values(), ids=FOUND.keys())
def test_a_key_that_is_too_deep_is_found_where_it_begins(text: str, start: int) -> None:
    assert too_deep(text) == start


@pytest.mark.parametrize("text", PASSED.values(), ids=PASSED.keys())
def test_what_is_deep_enough_or_no_key_is_passed(text: str) -> None:
    assert too_deep(text) is None


def test_a_key_that_is_too_deep_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        toml_values(f"[director]\n  {TOO_LONG} = 1\n", "x.toml")
    assert str(caught.value) == "x.toml: line 2, column 3: a key of more than 16 parts; expected at most 16"


SLOW = {
    "a deep key": ".".join("a" * 50_000) + " = 1",
    "a deep header": "[" + ".".join("a" * 50_000) + "]",
    "an endless word": "a" * 1_000_000,
    "endless blanks": "a" + " " * 1_000_000 + "b",
    "quotes without end": '"\\' * 300_000,
    "three quotes without end": '"""a' * 300_000,
    "nothing but quotes": "'" * 1_000_001,
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_text_made_to_be_slow_is_not(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(ConfigError):
        toml_values(text)
    assert time.process_time() - begin < SECONDS


@given(st.text(alphabet="a.\"'#\\\n [=", max_size=60))
def test_any_text_is_looked_through(text: str) -> None:
    assert too_deep(text) in {None, *range(len(text))}
