# SPDX-License-Identifier: Apache-2.0
"""A finding is one sentence; a subject is right when none of its findings is a problem."""

from __future__ import annotations

from director.checking.findings import Checked, Finding, Level

PROBLEM = Finding("eth0", Level.PROBLEM, "it is down", "nothing comes in", "ip link set eth0 up")
NOTE = Finding("eth0", Level.NOTE, "it is a port", "the bridge receives", "name the bridge")


def test_a_finding_reads_what_it_is_what_it_means_and_what_mends_it() -> None:
    assert str(PROBLEM) == "eth0: it is down, so nothing comes in; ip link set eth0 up"


def test_notes_do_not_make_a_subject_wrong() -> None:
    assert [Checked.of("eth0", "", found).is_right for found in ((), (NOTE,), (NOTE, PROBLEM))] == [
        True,
        True,
        False,
    ]
