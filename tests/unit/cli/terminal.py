# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal of a given size: what it writes there, and a key pressed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30.0
LOOK_SECONDS = 0.02
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A running command and the side of its terminal on which the operator sits."""

    process: subprocess.Popen[bytes]
    descriptor: int
    seen: str = ""

    def read_until(self, wanted: str) -> str:
        """Read until this was written, a deadline at the latest."""
        deadline = time.monotonic() + SECONDS
        while wanted not in self.seen:
            assert select.select([self.descriptor], [], [], deadline - time.monotonic())[0], self.seen
            self.seen += os.read(self.descriptor, 65536).decode()
        return self.seen

    def read_to_the_end(self) -> str:
        """Read all that the command writes before it ends."""
        ended, deadline = False, time.monotonic() + SECONDS
        while not ended:
            ended = self.process.poll() is not None
            assert time.monotonic() < deadline, self.seen
            while select.select([self.descriptor], [], [], LOOK_SECONDS)[0]:
                self.seen += os.read(self.descriptor, 65536).decode()
        return self.seen

    def press_ctrl_c(self) -> None:
        os.write(self.descriptor, b"\x03")


@contextlib.contextmanager
def on_terminal(
    command: Sequence[str | Path], environment: Mapping[str, str], columns: int, lines: int = 50
) -> Iterator[Terminal]:
    """Run a command on a terminal of its own; it is killed if it outlives the block."""
    outer, inner = os.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    plain = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        env={**plain, "TERM": "xterm", **environment},
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    try:
        yield Terminal(process, outer)
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(outer)
        os.close(inner)  # kept open until now: what was written is not lost with its last reader


def plain(written: str) -> str:
    """Take colours and the terminal's line ends away."""
    return CONTROL.sub("", written).replace("\r\n", "\n")
