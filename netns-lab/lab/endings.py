# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and SIGHUP end a command by unwinding its stack, so that whatever it built is taken down.

A signal becomes an exception wherever Python happens to be. Where that is a place that can't raise (a hook at
a fork, a finaliser), Python prints the exception and goes on: the signal would be lost. Then it is sent once
more. And what must be done whole or not at all is done `uninterrupted`: the signal waits for its end.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_AFTER = 0.02  # seconds: beyond the place that can't raise


class Unraisable(Protocol):
    """The part of what sys.unraisablehook is given that matters here."""

    @property
    def exc_type(self) -> type[BaseException]: ...

    @property
    def exc_value(self) -> BaseException | None: ...


def exit_status(number: int) -> int:
    """Return the exit status of a command that this signal ended, as shells have it."""
    return 128 + number


def end_by_signals() -> None:
    """Let ctrl-C raise KeyboardInterrupt, SIGTERM and SIGHUP SystemExit, and none of them be lost."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    otherwise = sys.unraisablehook

    def hook(lost: Unraisable) -> None:
        number = _signal_of(lost)
        if number is None:
            otherwise(lost)  # type: ignore[arg-type]  # the interpreter's own object, handed on
        else:
            again = threading.Timer(AGAIN_AFTER, _again, (number,))
            again.daemon = True
            again.start()

    sys.unraisablehook = hook


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep signals that end a command until this is over. Only the main thread has them at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(exit_status(number))


def _signal_of(lost: Unraisable) -> signal.Signals | None:
    """Return the signal that became this exception."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(lost.exc_value, SystemExit):
        status = lost.exc_value.code
        return next((one for one in (signal.SIGTERM, signal.SIGHUP) if status == exit_status(one)), None)
    return None


def _again(number: signal.Signals) -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, number)
