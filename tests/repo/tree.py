# SPDX-License-Identifier: Apache-2.0
"""The project's own files, as they stand in the tree: neither what is installed nor what is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", ".git", ".hypothesis", "build", "dist", "run", "__pycache__"}
GENERATED = {"_native.c", "_bpf.c", "director.toml"}  # the last by the README's quick start


def files(*suffixes: str) -> tuple[Path, ...]:
    """List our files, relative to the root; a script without a suffix goes by its interpreter."""
    return tuple(sorted(path.relative_to(ROOT) for path in _walk(ROOT) if kind(path) in suffixes))


def kind(path: Path) -> str:
    if path.suffix:
        return path.suffix
    first = path.read_bytes()[:64].split(b"\n")[0]
    if not first.startswith(b"#!"):
        return ""
    return ".py" if b"python" in first else ".sh"


def lines(path: Path) -> list[str]:
    return (ROOT / path).read_text().splitlines()


def _walk(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name not in NOT_OURS and not path.name.endswith(("_cache", ".egg-info")):
                yield from _walk(path)
        elif path.is_file() and path.name not in GENERATED:
            yield path
