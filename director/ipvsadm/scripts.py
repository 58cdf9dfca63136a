# SPDX-License-Identifier: Apache-2.0
"""Which program this is, by the name it was called by: ipvsadm, ipvsadm-save or ipvsadm-restore."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TextIO

from director.control.client import Client, ControlError
from director.ipvsadm.carrying import Ipvsadm
from director.ipvsadm.director import Director
from director.ipvsadm.names import Names, SystemNames

PROGRAM = "ipvsadm"
SAVE, RESTORE = "-save", "-restore"
_SAVE_HELP = (
    "{}: Script to save the IPVS table to stdout.\n"
    "   With the -n option, prints out the table in numeric format."
)


def run(called: str, words: Sequence[str]) -> int:
    """Be the program of this name and return its exit status."""
    try:
        director = Director(Client())
    except ControlError as error:
        print(error, file=sys.stderr)
        return 2
    if called.endswith(SAVE):
        return save(called, words, director, SystemNames(), sys.stdout, sys.stderr)
    if called.endswith(RESTORE):
        return restore(director, SystemNames(), sys.stdin, sys.stdout, sys.stderr)
    program = Ipvsadm(PROGRAM, director, SystemNames(), sys.stdin, sys.stdout, sys.stderr)
    return program.call(words)


def save(
    called: str, words: Sequence[str], director: Director, names: Names, stdout: TextIO, stderr: TextIO
) -> int:
    """Print the table's rules; `-n` is the only option, and other words are not looked at."""
    if any(word.startswith("-") and word != "-n" for word in words):
        print(_SAVE_HELP.format(called), file=stderr)
        return 1
    program = Ipvsadm(PROGRAM, director, names, io.StringIO(), stdout, stderr)
    return program.call(["-S", "-n"] if "-n" in words else ["-S"])


def restore(director: Director, names: Names, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Put the rules that are read in the table's place, at once: the script clears it first.

    Lines that begin with `#` are comments. A line's number counts them, too.
    """
    lines = ("\n" if line.startswith("#") else line for line in stdin)
    return Ipvsadm(PROGRAM, director, names, io.StringIO("".join(lines)), stdout, stderr).restore_anew()
