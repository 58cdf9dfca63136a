# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration, in words the operator can act on.

A `Fault` is one mistake; `ConfigError` carries every mistake found. Nothing here knows TOML or pydantic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_FOUND = 80

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: where it is, what was found there, what was expected, and the sentence that says both.

    `key` is the path as the user wrote it (`service[2].destination[0].weight`), empty for the whole input.
    """

    key: str
    found: str
    expected: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message

    def below(self, path: KeyPath) -> Fault:
        """Return the same fault as seen from further up."""
        return replace(self, key=join(path, self.key))


class Conflict(Enum):
    """Why a well-formed edit cannot be done; a shell may answer each in its own way."""

    NONE = "none"
    MISSING = "missing"
    EXISTS = "exists"


class ConfigError(Exception):
    """The user's configuration or edit is refused as a whole; `faults` says all that is wrong with it."""

    def __init__(self, faults: Iterable[Fault], file: str = "", conflict: Conflict = Conflict.NONE) -> None:
        self.faults = tuple(faults)
        self.file = file
        self.conflict = conflict
        assert self.faults, "an error without a fault explains nothing"
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """Return all faults, one a line, each with the file where there is one."""
        where = f"{self.file}: " if self.file else ""
        return "\n".join(f"{where}{fault}" for fault in self.faults)


def key_path(path: KeyPath) -> str:
    """Write a path as users do: `("service", 2, "address")` is `service[2].address`."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            written += f"{'.' if written else ''}{_name(step)}"
    return written


def join(path: KeyPath, key: str) -> str:
    """Write `key` below `path`; a key that begins with an index follows without a dot."""
    prefix = key_path(path)
    if not prefix or not key:
        return prefix + key
    return f"{prefix}{key}" if key.startswith("[") else f"{prefix}.{key}"


def show(value: object) -> str:
    """Write a found value briefly and on one line, strings in quotes."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=not value.isprintable())
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, (list, tuple)):
        text = "a list"
    elif value is None:
        text = "null"
    elif isinstance(value, int) and abs(value) >= 10**_LONGEST_FOUND:
        text = "a huge number"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}..."


def _name(key: str) -> str:
    short = key if len(key) <= _LONGEST_FOUND else f"{key[:_LONGEST_FOUND]}..."
    return short if _BARE_KEY.fullmatch(key) else json.dumps(short, ensure_ascii=not short.isprintable())
