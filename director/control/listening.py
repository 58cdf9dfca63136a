# SPDX-License-Identifier: Apache-2.0
"""The control socket as a file: taken over from a dead director, never from a live one, removed by its owner.

Nothing here knows what is said on the socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWNER_ONLY = 0o600
OWNER_AND_GROUP = 0o660
_BACKLOG = 64
_ANSWER_SECONDS = 1.0


class SocketError(Exception):
    """The control socket cannot be had; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket and the identity of its file."""

    socket: socket.socket
    path: Path
    device: int
    inode: int

    def close(self) -> None:
        """Stop listening, and remove the file unless another has taken its place."""
        self.socket.close()
        with contextlib.suppress(FileNotFoundError):
            found = self.path.stat(follow_symlinks=False)
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                self.path.unlink()


def listen(path: Path, mode: int = OWNER_ONLY) -> Listening:
    """Listen at this path, reachable for those whom `mode` lets in; replace a dead director's socket."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path.parent):
            _remove_dead(path)
            return _listen(path, mode)
    except OSError as error:
        raise SocketError(f"cannot listen at {path}: {(error.strerror or str(error)).lower()}") from None


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Keep two directors that start at once from each taking the other's new socket for a dead one."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _listen(path: Path, mode: int) -> Listening:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~mode)  # the file must not be open to others even for a moment
    try:
        made.bind(str(path))
        made.listen(_BACKLOG)
        made.settimeout(0)
        found = path.stat(follow_symlinks=False)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return Listening(made, path, found.st_dev, found.st_ino)


def _remove_dead(path: Path) -> None:
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketError(f"cannot listen at {path}: it exists and is not a socket")
    if _answers(path):
        raise SocketError(f"cannot listen at {path}: another director is running there")
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    """Tell whether a process listens there; one too busy to accept (EAGAIN, timeout) is alive too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (BlockingIOError, TimeoutError):
            return True
        return True
