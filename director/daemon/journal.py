# SPDX-License-Identifier: Apache-2.0
"""What this director has put on the host, kept in a file beside its socket so that a kill can be cleaned up
after.

It is written before each change, never after: it may name what was not made yet, but nothing is made that it
does not name. It goes with the process: a clean stop deletes it. Indices and addresses mean something only in
the network namespace they were written in, so the file says which one that was.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from netaddr import AddrFormatError, IPAddress

from director.daemon.replacing import replace_file
from director.host.addresses import HeldAddress

OWN_NAMESPACE = Path("/proc/self/ns/net")
NAMED_NAMESPACES = Path("/run/netns")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What has to be undone: clsact qdiscs and filters, by interface, and addresses; `namespace` is an inode
    number. `left` says that the process has ended and wanted all of it to stay.
    """

    namespace: int
    pid: int
    qdiscs: frozenset[int] = frozenset()
    addresses: frozenset[HeldAddress] = frozenset()
    filters: frozenset[int] = frozenset()
    left: bool = False

    def to_json(self) -> str:
        addresses = sorted((one.interface, str(one.address)) for one in self.addresses)
        fields = {
            "namespace": self.namespace,
            "pid": self.pid,
            "qdiscs": sorted(self.qdiscs),
            "filters": sorted(self.filters),
            "left": self.left,
            "addresses": [{"interface": index, "address": address} for index, address in addresses],
        }
        return json.dumps(fields, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ValueError where something else stands there."""
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(
                namespace=int(fields["namespace"]),
                pid=int(fields["pid"]),
                qdiscs=frozenset(int(index) for index in fields["qdiscs"]),
                addresses=frozenset(
                    HeldAddress(int(one["interface"]), IPAddress(one["address"]))
                    for one in fields["addresses"]
                ),
                filters=frozenset(int(index) for index in fields.get("filters", ())),
                left=bool(fields.get("left")),
            )
        except (ValueError, KeyError, TypeError, AddrFormatError) as error:
            raise ValueError(f"not a state file of the director: {error}") from error


class Journal:
    """The file of one running director."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._borrowed = Borrowed(own_namespace(), os.getpid())

    def inherit(self, legacy: Borrowed) -> None:
        """Take what one before this director left, to undo it with our own."""
        if legacy.qdiscs or legacy.addresses or legacy.filters or legacy.left:
            self._write(replace(legacy, pid=os.getpid(), left=False))

    def record_qdiscs(self, qdiscs: frozenset[int]) -> None:
        self._write(replace(self._borrowed, qdiscs=qdiscs))

    def record_addresses(self, addresses: frozenset[HeldAddress]) -> None:
        self._write(replace(self._borrowed, addresses=addresses))

    def record_filters(self, filters: frozenset[int]) -> None:
        if filters != self._borrowed.filters:
            self._write(replace(self._borrowed, filters=filters))

    def leave(self) -> None:
        """Say, as the last thing, that all of it is to stay when this process has gone."""
        self._write(replace(self._borrowed, left=True))

    def close(self) -> None:
        """Delete the file, unless something is left that a later clean-up should know of."""
        if not (self._borrowed.qdiscs or self._borrowed.addresses or self._borrowed.filters):
            self._path.unlink(missing_ok=True)

    def _write(self, borrowed: Borrowed) -> None:
        replace_file(self._path, borrowed.to_json().encode())
        self._borrowed = borrowed


def journal_path(control_socket: Path) -> Path:
    return control_socket.with_name(f"{control_socket.name}.state.json")


def read_journal(path: Path) -> Borrowed | None:
    """Read the file that a director left; None where there is none."""
    try:
        return Borrowed.from_json(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"not a state file of the director: {error.strerror}") from error


def is_begun_journal(path: Path) -> bool:
    """Say whether a file is the beginning of a journal, if only of its first bytes."""
    beginning = b'{\n "namespace": '
    with path.open("rb") as file:
        return beginning.startswith(file.read(len(beginning)))


def own_namespace() -> int:
    return OWN_NAMESPACE.stat().st_ino


def namespace_exists(inode: int) -> bool:
    """Say whether the network namespace is still there: a process lives in it or it has a name."""
    candidates = [*Path("/proc").glob("[0-9]*/ns/net"), *NAMED_NAMESPACES.glob("*")]
    for candidate in candidates:
        with contextlib.suppress(OSError):
            if candidate.stat().st_ino == inode:
                return True
    return False
