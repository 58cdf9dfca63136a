# SPDX-License-Identifier: Apache-2.0
"""Takes a command line apart as popt does: `-Ln`, `-srr`, `-s=rr`, `--scheduler=rr`, `--`.

Pure. It knows how switches are written, and nothing of what they mean or which belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from director.ipvsadm.errors import SyntaxFaultError
from director.ipvsadm.options import SWITCHES, Switch, Takes

_LONG = {each.long: each for each in SWITCHES}
_SHORT = {each.short: each for each in SWITCHES if each.short}


@dataclass(frozen=True, slots=True)
class Found:
    """A switch as it was met: its value, if any, and the word of the command line that it stood in."""

    switch: Switch
    value: str | None
    word: str
    letter: str = ""


@dataclass(slots=True)
class Scanner:
    """Hands out one switch after the other; words that are none gather in `left`."""

    words: Sequence[str]
    left: list[str] = field(default_factory=list)
    _at: int = 0
    _letters: str = ""
    _word: str = ""

    def next(self) -> Found | None:
        """Return the next switch, or None at the end."""
        while not self._letters:
            if self._at >= len(self.words):
                return None
            self._word = self._take()
            if self._word == "--":
                self.left.extend(self.words[self._at :])
                self._at = len(self.words)
            elif self._word.startswith("--"):
                return self._long()
            elif len(self._word) > 1 and self._word.startswith("-"):
                self._letters = self._word[1:]
            else:
                self.left.append(self._word)
        return self._short()

    def _take(self) -> str:
        self._at += 1
        return self.words[self._at - 1]

    def _long(self) -> Found:
        name, equals, value = self._word[2:].partition("=")
        switch = _LONG.get(name)
        if switch is None:
            raise SyntaxFaultError(f"{self._word}: unknown option")
        return Found(switch, self._value(switch, value if equals else None), self._word)

    def _short(self) -> Found:
        letter, rest = self._letters[0], self._letters[1:]
        self._letters = rest
        switch = _SHORT.get(letter)
        if switch is None:
            raise SyntaxFaultError(f"{self._word}: unknown option")
        attached = None
        if rest and (switch.takes is not Takes.NOTHING or rest.startswith("=")):
            self._letters, attached = "", rest.removeprefix("=")
        return Found(switch, self._value(switch, attached), self._word, letter)

    def _value(self, switch: Switch, attached: str | None) -> str | None:
        if switch.takes is Takes.NOTHING:
            if attached is not None:
                raise SyntaxFaultError(f"{self._word}: option does not take an argument")
            return None
        if attached is not None:
            return attached
        at_end = self._at >= len(self.words)
        if switch.takes is Takes.PERHAPS and (at_end or self.words[self._at].startswith("-")):
            return None
        if at_end:
            raise SyntaxFaultError(f"{self._word}: missing argument")
        return self._take()
