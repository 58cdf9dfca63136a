# SPDX-License-Identifier: Apache-2.0
"""The memory between runs: which duties are up, and what everything held before. One JSON file per namespace.

It is written whole (new file, then rename) and before the change that it tells of. It knows no netlink, and
believes only a file that this boot wrote for this network namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from netaddr import IPAddress, IPNetwork

from realserver import settings
from realserver.errors import StateError
from realserver.settings import LedgerEntry, Wanted

DIRECTORY = Path("/run/realserver")
FORMAT = 1
SO_NETNS_COOKIE = 71
NOUNS: dict[str, Any] = {
    noun.__name__: noun
    for noun in (
        settings.ModuleKey, settings.SysctlKey, settings.LinkKey, settings.ClsactKey, settings.DecapKey,
        settings.RouteKey, settings.RuleKey, settings.AddressKey, settings.Hop, settings.Route,
        settings.Decap,
        settings.LedgerEntry, settings.Duty, settings.Wanted, settings.Port, settings.Transport,
        settings.Tunnels, settings.TunnelType, settings.Served,
        settings.Presence, settings.LinkState, settings.Method, settings.Decapsulation,
        IPAddress, IPNetwork,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Memory:
    """What the file holds."""

    want: Wanted = settings.NOTHING
    ledger: tuple[LedgerEntry, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.want.duties and not self.ledger


def default_path() -> Path:
    return DIRECTORY / f"{_namespace()}.json"


def read(path: Path) -> Memory:
    """Read the memory; a file of an earlier boot tells of nothing that is still so."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Memory()
    except OSError as error:
        raise StateError(f"cannot read the state file {path}: {error.strerror}") from error
    try:
        stored = json.loads(text)
        found = (stored["format"], stored["boot"], stored["namespace"])
        memory = Memory(decode(stored["want"]), decode(stored["ledger"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"the state file {path} is damaged ({error!r}): move it away to start afresh"
        ) from error
    if found[0] != FORMAT:
        raise StateError(f"the state file {path} has format {found[0]}, this program writes {FORMAT}")
    if found[1] != _boot():
        return Memory()
    if found[2] != _namespace():
        raise StateError(
            f"the state file {path} belongs to another network namespace: give another --state FILE"
        )
    return memory


def write(path: Path, memory: Memory) -> None:
    """Replace the file in one move; with nothing to remember there is no file."""
    try:
        if memory.is_empty:
            path.unlink(missing_ok=True)
        else:
            _replace(path, _document(memory))
    except OSError as error:
        raise StateError(f"cannot write the state file {path}: {error.strerror}") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a second run out of the same directory's states until this one is done."""
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StateError(
            f"cannot use the directory {path.parent} for the state file: {error.strerror}"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def encode(value: object) -> Any:
    """Write a noun as JSON that names it."""
    if isinstance(value, Enum):
        return {"is": type(value).__name__, "value": value.value}
    if isinstance(value, IPAddress | IPNetwork):
        return {"is": type(value).__name__, "value": str(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__} | {
            each.name: encode(getattr(value, each.name)) for each in fields(value)
        }
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    assert value is None or isinstance(value, str | int)
    return value


def decode(stored: Any) -> Any:
    """Read what `encode` wrote; an unknown noun is a KeyError, a wrong part a TypeError or ValueError."""
    if isinstance(stored, list):
        return tuple(decode(each) for each in stored)
    if not isinstance(stored, dict):
        return stored
    noun = NOUNS[stored["is"]]
    parts = {name: decode(part) for name, part in stored.items() if name != "is"}
    return noun(parts["value"]) if "value" in parts and not is_dataclass(noun) else noun(**parts)


def _document(memory: Memory) -> str:
    document = {
        "format": FORMAT,
        "boot": _boot(),
        "namespace": _namespace(),
        "want": encode(memory.want),
        "ledger": encode(memory.ledger),
    }
    return json.dumps(document, indent=1) + "\n"


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)  # not synced: after a power cut nothing that it tells of is so any more
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    """Name this network namespace by the kernel's cookie, which is never used twice; its inode number is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            cookie = probe.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError:
            return f"inode-{Path('/proc/self/ns/net').stat().st_ino}"
    return f"netns-{int.from_bytes(cookie, 'little')}"
