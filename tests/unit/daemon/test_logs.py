# SPDX-License-Identifier: Apache-2.0
"""Logs for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import structlog

from director.daemon.logs import LogFormat, set_up, stamp


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogFormat.JSON)
    structlog.get_logger().warning("interface not taken", interface="eth0")
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {"event": "interface not taken", "interface": "eth0", "level": "warning"}


def test_times_that_are_told_are_written_as_the_logs_own() -> None:
    when = datetime(2026, 11, 24, 12, 31, 12, 746369, timezone(timedelta(hours=2)))
    assert stamp(when) == "2026-11-24T10:31:12.746369Z"


def test_text_has_the_time_but_for_the_journal_which_has_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    set_up(LogFormat.TEXT)
    structlog.get_logger().info("director ready", services=2)
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    set_up(LogFormat.TEXT)
    structlog.get_logger().info("director ready", services=2)
    timed, plain = capsys.readouterr().err.splitlines()
    assert plain == "[info] director ready services=2"
    assert timed.endswith(f" {plain}")
