# SPDX-License-Identifier: Apache-2.0
"""Load the guard's eBPF programs and keep their map equal to the keys that the engine asked for.

guard.bpf.c says what the programs do with the keys; attachment.py puts them on interfaces. Here nothing is
known of interfaces: closing the guard drops the last reference that this process holds, and the kernel frees
the rest.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from socket import htons
from typing import Any, Self

from netaddr import IPAddress

from director.commands import GuardKey, GuardSide
from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError

OBJECT = Path(__file__).with_name("guard.bpf.o")
ANY = 0
SIDES = {GuardSide.TO: lib.LB_GUARD_TO, GuardSide.FROM: lib.LB_GUARD_FROM}


class Guard:
    """The loaded programs, by descriptor the classifier (guard) and the socket filter (tap), and the map."""

    def __init__(self, loaded: _Loaded) -> None:
        self._loaded = loaded
        self._keys: frozenset[bytes] = frozenset()
        self._local: frozenset[bytes] = frozenset()
        self.guard_descriptor: int = loaded.guard
        self.tap_descriptor: int = loaded.tap

    @classmethod
    def load(cls, path: Path = OBJECT) -> Self:
        """Load the programs into the kernel; `DatapathError` where it takes no eBPF."""
        return cls(_load(path))

    def set_keys(self, keys: frozenset[GuardKey]) -> None:
        """Make these, and no others, the packets that are the director's."""
        wanted = frozenset(raw for key in keys for raw in _raw_keys(key))
        self._replace(self._keys, wanted)
        self._keys = wanted

    def set_local_addresses(self, addresses: Iterable[IPAddress]) -> None:
        """Make these the host's own addresses: what a server sends to one of them answers the host itself."""
        wanted = frozenset(_raw(lib.LB_GUARD_LOCAL, address) for address in addresses)
        self._replace(self._local, wanted)
        self._local = wanted

    def close(self) -> None:
        """Unload. What is still attached to an interface or a socket lives on there."""
        lib.bpf_object__close(self._loaded.object)

    def _replace(self, present: frozenset[bytes], wanted: frozenset[bytes]) -> None:
        for raw in wanted - present:
            if lib.bpf_map_update_elem(self._loaded.map, raw, b"\1", ANY) < 0:
                raise DatapathError(ffi.errno, f"the guard takes no more keys: {os.strerror(ffi.errno)}")
        for raw in present - wanted:
            lib.bpf_map_delete_elem(self._loaded.map, raw)


@dataclass(frozen=True, slots=True)
class _Loaded:
    object: Any
    map: int
    guard: int
    tap: int


def _load(path: Path) -> _Loaded:
    lib.libbpf_set_print(ffi.NULL)  # the verifier's pages are for us, one sentence is for the operator
    opened = lib.bpf_object__open_file(os.fsencode(path), ffi.NULL)
    if opened == ffi.NULL:
        raise DatapathError(ffi.errno, f"{path} cannot be read as an eBPF object: {os.strerror(ffi.errno)}")
    failure = -lib.bpf_object__load(opened)
    if failure:
        lib.bpf_object__close(opened)
        raise DatapathError(failure, _why(failure))
    return _Loaded(
        object=opened,
        map=lib.bpf_map__fd(lib.bpf_object__find_map_by_name(opened, b"guard_keys")),
        guard=lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"guard")),
        tap=lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"tap")),
    )


def _why(failure: int) -> str:
    if failure == errno.EPERM:
        return "loading eBPF programs is not permitted: run as root, or with CAP_BPF and CAP_NET_ADMIN"
    if failure == errno.ENOSYS:
        return "this kernel has no eBPF (CONFIG_BPF_SYSCALL), which the director needs"
    return f"the kernel did not take the guard's eBPF programs: {os.strerror(failure)}"


def _raw_keys(key: GuardKey) -> tuple[bytes, bytes]:
    """A key in full, and its bare address, by which later fragments are known."""
    side = SIDES[key.side]
    return _raw(side, key.address, key.protocol.number, key.port), _raw(side, key.address)


def _raw(side: int, address: IPAddress, protocol: int = 0, port: int = 0) -> bytes:
    raw = ffi.new("struct lb_guard_key *")
    raw.address[0 : len(address.packed)] = address.packed
    raw.port = htons(port)
    raw.protocol = protocol
    raw.family = address.version
    raw.side = side
    return bytes(ffi.buffer(raw))
