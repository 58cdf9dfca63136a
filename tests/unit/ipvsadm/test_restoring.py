# SPDX-License-Identifier: Apache-2.0
"""Rules that are read before anything is done."""

from __future__ import annotations

import pytest

from director.ipvsadm import commands
from director.ipvsadm.restoring import Line, LineError, edits, read
from tests.unit.ipvsadm.words import NAMES


def test_lines_are_commands_with_their_numbers() -> None:
    lines = read("ipvsadm", ["ipvsadm -C\n", "\n", "-Z\r\n", "--set 1 2 3"], NAMES)
    assert lines == (
        Line(1, commands.Clear()),
        Line(3, commands.Zero()),
        Line(4, commands.SetTimeouts(1, 2, 3)),
    )
    assert edits(lines) == ((1, commands.Clear()), (4, commands.SetTimeouts(1, 2, 3)))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("-A", "line 2: You need to supply the 'service-address' option for the 'add-service' command"),
        ("-R", "line 2: Try `ipvsadm -h' or 'ipvsadm --help' for more information."),
        ("# no comment", "line 2: Try `ipvsadm -h' or 'ipvsadm --help' for more information."),
    ],
)
def test_a_bad_line_is_refused_with_its_number(bad: str, sentence: str) -> None:
    with pytest.raises(LineError) as error:
        read("ipvsadm", ["-C", bad, "-x"], NAMES)
    assert str(error.value) == sentence
