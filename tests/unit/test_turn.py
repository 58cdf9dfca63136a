# SPDX-License-Identifier: Apache-2.0
"""What is gathered in a turn."""

from __future__ import annotations

from director.commands import Level, Log
from director.turn import MAX_LOGS, Turn


def test_a_turn_shows_so_many_lines_and_counts_the_rest() -> None:
    turn = Turn()
    for number in range(MAX_LOGS + 3):
        turn.log(Level.INFO, "said", ("number", number))
    *shown, last = turn.shown_logs()
    assert shown == [Log(Level.INFO, "said", (("number", str(number)),)) for number in range(MAX_LOGS)]
    assert last == Log(Level.INFO, "more of this", (("lines", "3"),))
