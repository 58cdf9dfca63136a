# SPDX-License-Identifier: Apache-2.0
"""A keepalived.conf as statements and blocks of statements. Pure; it knows no word of keepalived's.

A statement is the words of a line; a brace after it opens its block. Nested or unbalanced without end, it is
read all the same: the depth is bounded by nothing but the text, and nothing here recurses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_WORDS = 32  # of a statement: no statement that means something to us has more
_TOKEN = re.compile(r'"[^"]*"?|[{}]|[^\s{}"]+')


@dataclass(slots=True)
class Block:
    """A statement and what stands in its braces."""

    line: int
    words: tuple[str, ...]
    below: list[Block] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0] if self.words else ""

    def named(self, *names: str) -> Block | None:
        """Return the last statement of one of these names: it is the one that counts."""
        return next((each for each in reversed(self.below) if each.name in names), None)


def parse(text: str) -> list[Block]:
    """Read a text; braces that close nothing are passed over."""
    top = Block(0, ())
    stack = [top]
    for number, words in _lines(text):
        fresh = True
        for word in words:
            if word == "{":
                stack.append(_opened(stack[-1], number))
                fresh = True
            elif word == "}":
                if len(stack) > 1:
                    stack.pop()
                fresh = True
            elif fresh:
                stack[-1].below.append(Block(number, (word,)))
                fresh = False
            elif len((last := stack[-1].below[-1]).words) < MOST_WORDS:
                last.words = (*last.words, word)
    return top.below


def _opened(block: Block, number: int) -> Block:
    if not block.below:
        block.below.append(Block(number, ()))
    return block.below[-1]


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = []
        for match in _TOKEN.finditer(line):
            word = match.group()
            if word[0] in "#!":
                break
            words.append(word.strip('"') if word[0] == '"' else word)
        yield number, words
