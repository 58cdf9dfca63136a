# SPDX-License-Identifier: Apache-2.0
"""Ours answers every recorded command line as the real ipvsadm does, to the byte, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.ipvsadm.replay import answers, recorded
from tests.interop.ipvsadm.session import Session
from tests.interop.ipvsadm.sessions import SESSIONS


def test_the_recording_is_of_these_sessions() -> None:
    wanted = {session.name: len(session.steps) for session in SESSIONS}
    assert {name: len(found) for name, found in recorded().items() if name in wanted} == wanted


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_ours_answers_as_the_real_ipvsadm_does(session: Session, tmp_path: Path) -> None:
    wanted = [
        step.otherwise.answer if step.otherwise else answer
        for step, answer in zip(session.steps, recorded()[session.name], strict=True)
    ]
    got = answers(session, tmp_path / "control.sock")
    assert [(str(step), each) for step, each in zip(session.steps, got, strict=True)] == [
        (str(step), each) for step, each in zip(session.steps, wanted, strict=True)
    ]


def test_what_is_said_to_differ_differs() -> None:
    for session in SESSIONS:
        for step, answer in zip(session.steps, recorded()[session.name], strict=True):
            assert step.otherwise is None or step.otherwise.answer != answer, str(step)
