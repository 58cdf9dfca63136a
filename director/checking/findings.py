# SPDX-License-Identifier: Apache-2.0
"""What a check says: findings, each about one subject, and what is said of a subject that has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """A problem keeps packets from being forwarded as asked; a note is what an operator should know."""

    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, what it means, and the remedy: a command wherever there is one."""

    about: str
    level: Level
    what: str
    means: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what}, so {self.means}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A subject that was looked at and what was found of it; `words` say what is right, if anything."""

    about: str
    words: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, about: str, words: str, findings: Iterable[Finding]) -> Checked:
        return cls(about, words, tuple(findings))

    @property
    def is_right(self) -> bool:
        """Say whether nothing about it is a problem."""
        return all(finding.level is not Level.PROBLEM for finding in self.findings)
