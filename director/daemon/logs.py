# SPDX-License-Identifier: Apache-2.0
"""Set the logs up: one line an event on standard error, for people or for machines."""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from enum import Enum

import structlog


class LogFormat(Enum):
    """TEXT for a terminal or the system's journal, JSON one object a line."""

    TEXT = "text"
    JSON = "json"


def stamp(when: datetime) -> str:
    """Write a time as the log's own are written for machines."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def set_up(log_format: LogFormat) -> None:
    """Log to standard error in this format. The journal puts its own time before each line."""
    journal = "JOURNAL_STREAM" in os.environ
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=log_format is LogFormat.JSON)
    renderer = (
        structlog.processors.JSONRenderer()
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            *([] if journal and log_format is LogFormat.TEXT else [stamp]),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
