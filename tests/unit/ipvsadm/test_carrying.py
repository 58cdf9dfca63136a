# SPDX-License-Identifier: Apache-2.0
"""Commands carried out, from the words to what is printed."""

from __future__ import annotations

from director.ipvsadm.director import Director
from tests.interop.ipvsadm.replay import call
from tests.interop.ipvsadm.session import Answer

RULES = "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.2:80\n"
SAVED = "-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1\n"


def test_what_is_restored_is_saved(asked: Director) -> None:
    assert call(asked, ("-R",), RULES) == Answer()
    assert call(asked, ("-S", "-n"), "") == Answer(SAVED)


def test_a_restore_prints_what_its_lines_list(asked: Director) -> None:
    answer = call(asked, ("-R",), f"{RULES}-L -n --timeout\n--set 5 6 7\n")
    assert answer == Answer("Timeout (tcp tcpfin udp): 5 6 7\n")


def test_a_failure_is_a_line_on_standard_error(asked: Director) -> None:
    assert call(asked, ("-D", "-t", "192.0.2.1:80"), "") == Answer("", "No such service\n", 255)


def test_the_version_is_that_of_the_grammar(asked: Director) -> None:
    assert call(asked, ("-v",), "").stdout.startswith("ipvsadm v1.31 ")
