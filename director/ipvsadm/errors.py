# SPDX-License-Identifier: Apache-2.0
"""How a command line can fail, with the exit status that ipvsadm gives it. Knows no command."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """An exit status."""

    DONE = 0
    NOT_LISTED = 1
    USAGE = 2
    REFUSED = 255


class IpvsadmError(Exception):
    """What ends the command; the words are what standard error gets, without the last line's end."""

    def __init__(self, words: str, status: Status) -> None:
        super().__init__(words)
        self.status = status


class UsageError(IpvsadmError):
    """The command line makes no sense, or a value in it does not."""

    def __init__(self, words: str) -> None:
        super().__init__(words, Status.USAGE)


class SyntaxFaultError(IpvsadmError):
    """A word of the command line can not be read at all."""

    def __init__(self, words: str) -> None:
        super().__init__(words, Status.REFUSED)


class RefusalError(IpvsadmError):
    """The command was understood, and is not done."""

    def __init__(self, words: str, status: Status = Status.REFUSED) -> None:
        super().__init__(words, status)
