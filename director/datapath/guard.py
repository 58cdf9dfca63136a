# SPDX-License-Identifier: Apache-2.0
"""Load the guard's eBPF programs and keep their maps equal to the keys and rules that the engine asked for.

guard.bpf.c says what the programs do with the keys; attachment.py puts them on interfaces. Here nothing is
known of interfaces: closing the guard drops the last reference that this process holds, and the kernel frees
the rest.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import htons
from typing import Any, Self

from netaddr import IPAddress

from director.commands import GuardKey, GuardRule, GuardSide, SetGuard
from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError

OBJECT = Path(__file__).with_name("guard.bpf.o")
ANY = 0
SIDES = {GuardSide.TO: lib.LB_GUARD_TO, GuardSide.FROM: lib.LB_GUARD_FROM}


class Guard:
    """The loaded programs, by descriptor the classifier (guard) and the socket filter (tap), and the maps."""

    def __init__(self, loaded: _Loaded) -> None:
        self._loaded = loaded
        self._keys: Mapping[bytes, int] = {}
        self._local: Mapping[bytes, int] = {}
        self._rules: tuple[bytes, ...] = ()
        self._bank = 0  # the rule that it begins with
        self.guard_descriptor: int = loaded.guard
        self.tap_descriptor: int = loaded.tap

    @classmethod
    def load(cls, path: Path = OBJECT) -> Self:
        """Load the programs into the kernel; `DatapathError` where it takes no eBPF."""
        return cls(_load(path))

    def set(self, wanted: SetGuard) -> None:
        """Make these, and no others, the packets that are the director's."""
        keys: dict[bytes, int] = {}
        for key in wanted.keys:
            for raw, value in _raw_keys(key):
                keys[raw] = max(value, keys.get(raw, 0))
        rules = tuple(_raw_rule(rule, place % 2) for place, each in enumerate(wanted.rules) for rule in each)
        any_port = any(key.port == 0 or key.data for key in wanted.keys)
        if rules != self._rules:
            self._bank = lib.LB_GUARD_BANK - self._bank
            for place, raw in enumerate(rules):
                self._put(self._loaded.rules, _number(self._bank + place), raw)
        self._add(self._keys, keys)
        self._put(self._loaded.wide, _number(0), _raw_wide(keys=any_port, first=self._bank, count=len(rules)))
        self._remove(self._keys, keys)
        self._keys, self._rules = keys, rules

    def set_local_addresses(self, addresses: Iterable[IPAddress]) -> None:
        """Make these the host's own addresses: what a server sends to one of them answers the host itself."""
        wanted = {_raw(lib.LB_GUARD_LOCAL, address): lib.LB_GUARD_PLAIN for address in addresses}
        self._add(self._local, wanted)
        self._remove(self._local, wanted)
        self._local = wanted

    def close(self) -> None:
        """Unload. What is still attached to an interface or a socket lives on there."""
        lib.bpf_object__close(self._loaded.object)

    def _add(self, present: Mapping[bytes, int], wanted: Mapping[bytes, int]) -> None:
        for raw, value in wanted.items():
            if present.get(raw) != value:
                self._put(self._loaded.keys, raw, _value(value))

    def _remove(self, present: Mapping[bytes, int], wanted: Mapping[bytes, int]) -> None:
        for raw in present.keys() - wanted.keys():
            lib.bpf_map_delete_elem(self._loaded.keys, raw)

    def _put(self, table: int, key: bytes, value: bytes) -> None:
        if lib.bpf_map_update_elem(table, key, value, ANY) < 0:
            raise DatapathError(ffi.errno, f"the guard takes no more keys: {os.strerror(ffi.errno)}")


@dataclass(frozen=True, slots=True)
class _Loaded:
    object: Any
    keys: int
    rules: int
    wide: int
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
        keys=lib.bpf_map__fd(lib.bpf_object__find_map_by_name(opened, b"guard_keys")),
        rules=lib.bpf_map__fd(lib.bpf_object__find_map_by_name(opened, b"guard_rules")),
        wide=lib.bpf_map__fd(lib.bpf_object__find_map_by_name(opened, b"guard_wide")),
        guard=lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"guard")),
        tap=lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"tap")),
    )


def _why(failure: int) -> str:
    if failure == errno.EPERM:
        return "loading eBPF programs is not permitted: run as root, or with CAP_BPF and CAP_NET_ADMIN"
    if failure == errno.ENOSYS:
        return "this kernel has no eBPF (CONFIG_BPF_SYSCALL), which the director needs"
    return f"the kernel did not take the guard's eBPF programs: {os.strerror(failure)}"


def _raw_keys(key: GuardKey) -> Iterator[tuple[bytes, int]]:
    """A key in full, and its bare address, by which later fragments are known; with their values."""
    side = SIDES[key.side]
    value = lib.LB_GUARD_FTP_DATA if key.data else lib.LB_GUARD_PLAIN
    yield _raw(side, key.address, key.protocol.number, key.port), value
    yield _raw(side, key.address), lib.LB_GUARD_PLAIN


def _raw(side: int, address: IPAddress, protocol: int = 0, port: int = 0) -> bytes:
    raw = ffi.new("struct lb_guard_key *")
    raw.address[0 : len(address.packed)] = address.packed
    raw.port = htons(port)
    raw.protocol = protocol
    raw.family = address.version
    raw.side = side
    return bytes(ffi.buffer(raw))


def _raw_rule(rule: GuardRule, place: int) -> bytes:
    network, mask = rule.network.network.packed, rule.network.netmask.packed
    raw = ffi.new("struct lb_guard_rule *")
    raw.network[0 : len(network)], raw.mask[0 : len(mask)] = network, mask
    raw.first_port, raw.last_port = rule.first_port, rule.last_port
    raw.protocol = rule.protocol.number if rule.protocol is not None else 0
    raw.family = rule.network.version
    raw.list = place
    raw.served = rule.served
    return bytes(ffi.buffer(raw))


def _raw_wide(*, keys: bool, first: int, count: int) -> bytes:
    raw = ffi.new("struct lb_guard_wide *")
    raw.keys, raw.first, raw.count = keys, first, count
    return bytes(ffi.buffer(raw))


def _number(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


def _value(value: int) -> bytes:
    return bytes((value,))
