# SPDX-License-Identifier: Apache-2.0
"""The configuration on the disk: the only module of this room that does I/O; the meaning is `load.py`'s."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from director.config.errors import ConfigError, Fault
from director.config.limits import MAX_TEXT
from director.config.load import load, text_from
from director.config.save import save
from director.model.configuration import Configuration


def read_configuration(path: Path) -> Configuration:
    """Read a whole configuration, or raise a ConfigError that names the file."""
    return load(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Read a file of text, or raise a ConfigError that names it."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        fault = Fault("", why, "a readable file", f"cannot be read: {why.lower()}")
        raise ConfigError([fault], str(path)) from None
    return text_from(data, str(path))


def write_configuration(path: Path, configuration: Configuration) -> None:
    """Save over a file, keeping its comments; at every moment it is the old or the new one, whole.

    What is there and no file, a device or a pipe, is written to and never replaced.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_text(save(configuration), encoding="utf-8")
        return
    old = read_text(path) if path.exists() else ""
    text = save(configuration, old, str(path))
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    target = path.resolve()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
