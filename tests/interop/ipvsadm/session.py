# SPDX-License-Identifier: Apache-2.0
"""Sessions with ipvsadm: command lines that follow each other on one table, and the names that hosts have.

A session is written as a text: a command line a line, as in a shell, and ` <<< ` before what it reads, where
`\\n` is the end of a line. What ours answers otherwise is said beside the line, with the reason.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

HOSTS = """127.0.0.1 localhost
192.0.2.80 www
2001:db8::80 six
192.0.2.81 dual
2001:db8::81 dual
192.0.2.1 vip.example
"""
PORTS = """http 80/tcp www
https 443/tcp
http-alt 8080/tcp
domain 53/tcp
domain 53/udp
sip 5060/tcp
sip 5060/udp
"""
FILES = {"hosts": HOSTS, "services": PORTS, "nsswitch.conf": "hosts: files\nservices: files\n"}
STDIN = " <<< "


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call printed, and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True)
class Otherwise:
    """Where ours differs on purpose: what it answers, and why."""

    answer: Answer
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call."""

    words: tuple[str, ...]
    stdin: str = ""
    otherwise: Otherwise | None = None

    def __str__(self) -> str:
        return shlex.join(("ipvsadm", *self.words)) + (f"{STDIN}{self.stdin!r}" if self.stdin else "")


@dataclass(frozen=True, slots=True)
class Session:
    """Calls that follow each other."""

    name: str
    steps: tuple[Step, ...]


def session(name: str, text: str, otherwise: Mapping[str, Otherwise] | None = None) -> Session:
    """Read a session; `otherwise` has the lines that ours answers differently."""
    differing = dict(otherwise or {})
    steps = tuple(_step(line, differing.pop(line, None)) for line in text.splitlines() if line.strip())
    assert not differing, f"{name} has no line {differing}"
    return Session(name, steps)


def _step(line: str, otherwise: Otherwise | None) -> Step:
    words, _, stdin = line.partition(STDIN)
    return Step(tuple(shlex.split(words)), stdin.encode().decode("unicode_escape"), otherwise)
