# SPDX-License-Identifier: Apache-2.0
"""What the clients print is read for what it says, and what they do not say is no answer."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.clients import Asked, curl_answer, dig_answer, wrk_answers


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("answer 200 rs1\n", ("rs1", "200")),
        ("answer 503 rs1\n", ("rs1", "503")),
        ("answer 000 \n", None),
        ("curl: (28) Connection timed out after 3000 milliseconds\n", None),
        ("", None),
    ],
)
def test_a_line_of_curls_says_who_answered(line: str, answer: tuple[str, str] | None) -> None:
    assert curl_answer(line) == answer


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('"rs2"\n', ("rs2", "200")),
        (";; communications error to 192.0.2.1#53: timed out\n", None),
        ('""\n', None),
        ("\n", None),
    ],
)
def test_a_line_of_digs_says_who_answered(line: str, answer: tuple[str, str] | None) -> None:
    assert dig_answer(line) == answer


def test_what_wrk_counted_is_read_by_server_and_status() -> None:
    said = "Running 2s test\nanswers 30 rs1 200\nanswers 2 rs2 502\nlost 4\nmicroseconds 2000000\n"
    assert wrk_answers(said) == Asked("wrk", Counter(rs1=30), Counter(rs2=2), 4, 2.0)


def test_a_wrk_that_could_not_start_has_lost_its_request() -> None:
    assert wrk_answers("unable to connect to 192.0.2.1:80 Connection refused\n") == Asked("wrk", lost=1)
