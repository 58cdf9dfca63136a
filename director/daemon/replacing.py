# SPDX-License-Identifier: Apache-2.0
"""Replace a file as a whole, or leave it as it was. What the files say is not known here."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from director.daemon.errors import DaemonError


def unfinished(path: Path) -> Path:
    """Name the file in which the next one is written; it stays only where a kill came between."""
    return path.with_name(f"{path.name}.new")


def replace_file(path: Path, data: bytes) -> None:
    """Put a new file in place of the old one at once; DaemonError that names the file where it can not be."""
    new = unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(data)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> DaemonError:
    number = error.errno or 0
    return DaemonError(number, f"{path} can not be written: {os.strerror(number)}")
