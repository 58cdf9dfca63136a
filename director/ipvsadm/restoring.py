# SPDX-License-Identifier: Apache-2.0
"""What `ipvsadm -R` reads: a command line a line, in full before anything is done. Pure.

A line that is wrong refuses all of them, with its number; ipvsadm itself stops there, and half a table stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from director.ipvsadm.commands import Command, Edit, Restore
from director.ipvsadm.errors import IpvsadmError
from director.ipvsadm.grammar import HelpNeededError, parse
from director.ipvsadm.names import Names

PROGRAM = "ipvsadm"


class LineError(IpvsadmError):
    """A line of a restore can not be done; nothing was."""

    def __init__(self, number: int, fault: IpvsadmError) -> None:
        super().__init__(f"line {number}: {str(fault).rstrip()}", fault.status)


@dataclass(frozen=True, slots=True)
class Line:
    """A command and the number of its line."""

    number: int
    command: Command


def read(program: str, lines: Iterable[str], names: Names) -> tuple[Line, ...]:
    """Read all lines, or raise LineError for the first that is wrong. Empty lines say nothing."""
    read = []
    for number, text in enumerate(lines, 1):
        words = text.split()
        while words and words[0] in {PROGRAM, program}:
            words.pop(0)
        if not words:
            continue
        try:
            command = parse(program, words, names)
            if isinstance(command, Restore):
                raise HelpNeededError(program)
        except IpvsadmError as fault:
            raise LineError(number, fault) from None
        read.append(Line(number, command))
    return tuple(read)


def edits(lines: Iterable[Line]) -> tuple[tuple[int, Edit], ...]:
    """Return the edits among the lines with the numbers of their lines."""
    return tuple((line.number, line.command) for line in lines if isinstance(line.command, Edit))
