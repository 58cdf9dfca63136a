# SPDX-License-Identifier: Apache-2.0
"""Loads the unwrapping program and reads its counters, through libbpf. Knows nothing of interfaces: whoever
attaches the program's descriptor keeps it alive, and the maps with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module, resources
from typing import Any

from netaddr import IPAddress

from realserver.errors import HostError

OBJECT = "decap.bpf.o"


class Reason(IntEnum):
    """The C header's `enum decap_reason`; a test holds the two together."""

    UNWRAPPED = 0
    OTHER_ENDPOINT = 1
    OTHER_VIP = 2
    OUTER_FRAGMENT = 3
    OUTER_BAD = 4
    INNER_SHORT = 5
    INNER_VERSION = 6
    INNER_LENGTH = 7
    CONGESTION = 8
    FAILED = 9


MEANING = {
    Reason.UNWRAPPED: "unwrapped and handed to the stack",
    Reason.OTHER_ENDPOINT: "passed untouched: the tunnel ends at an address that is no endpoint of this host",
    Reason.OTHER_VIP: "passed untouched: the packet inside is for none of the VIPs",
    Reason.OUTER_FRAGMENT: "passed untouched: a fragment of a tunnel packet",
    Reason.OUTER_BAD: "dropped: the outer header does not hold together",
    Reason.INNER_SHORT: "dropped: cut off within the inner header",
    Reason.INNER_VERSION: "dropped: the packet inside is not IPv4",
    Reason.INNER_LENGTH: "dropped: the inner header tells an impossible length",
    Reason.CONGESTION: "dropped: congestion marked on a packet that cannot carry the mark",
    Reason.FAILED: "dropped: the kernel refused to take the header off",
}


@dataclass(frozen=True, slots=True)
class Count:
    reason: Reason
    packets: int
    octets: int


@contextlib.contextmanager
def loaded_decap(endpoints: tuple[IPAddress, ...], vips: tuple[IPAddress, ...]) -> Iterator[int]:
    """Load the program with its addresses in place, and lend its descriptor for attaching."""
    ffi, lib = _library()
    with resources.as_file(resources.files("realserver") / OBJECT) as path:
        if not path.exists():
            raise HostError(f"{path} is missing: the package was installed without its eBPF object")
        opened = lib.bpf_object__open_file(str(path).encode(), ffi.NULL)
    if opened == ffi.NULL:
        raise HostError(f"cannot open the eBPF object: {_message(ffi, lib)}")
    try:
        failure = lib.bpf_object__load(opened)
        if failure:
            raise HostError(
                f"the kernel refused the eBPF program: {os.strerror(-failure)}; {_message(ffi, lib)}"
            )
        _fill(ffi, lib, lib.bpf_object__find_map_fd_by_name(opened, b"endpoints"), endpoints)
        _fill(ffi, lib, lib.bpf_object__find_map_fd_by_name(opened, b"vips"), vips)
        yield int(lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"unwrap")))
    finally:
        lib.bpf_object__close(opened)


def read_counts(program_id: int) -> tuple[Count, ...]:
    """Sum each reason's counter over all processors."""
    ffi, lib = _library()
    with _map_of(ffi, lib, program_id, b"counts") as descriptor:
        values = ffi.new("struct decap_count[]", lib.libbpf_num_possible_cpus())
        return tuple(_count(ffi, lib, descriptor, values, reason) for reason in Reason)


def read_addresses(program_id: int, name: str) -> tuple[IPAddress, ...]:
    """List the addresses in the program's map of this name, `endpoints` or `vips`."""
    ffi, lib = _library()
    found: list[IPAddress] = []
    with _map_of(ffi, lib, program_id, name.encode()) as descriptor:
        key, following = ffi.NULL, ffi.new("struct decap_address *")
        while lib.bpf_map_get_next_key(descriptor, key, following) == 0:
            found.append(_address(bytes(ffi.buffer(following))))
            key, following = following, ffi.new("struct decap_address *")
    return tuple(sorted(found))


def _library() -> tuple[Any, Any]:
    """Import the native part late: only tunnels need it, and only they should miss it."""
    try:
        module = import_module("realserver._bpf")
    except ImportError as error:
        raise HostError(f"the eBPF loader is not built or libbpf is not installed: {error}") from error
    module.lib.decap_quiet()
    return module.ffi, module.lib


def _message(ffi: Any, lib: Any) -> str:
    return str(
        ffi.string(lib.decap_last_message()).decode(errors="replace").strip() or os.strerror(ffi.errno)
    )


def _fill(ffi: Any, lib: Any, descriptor: int, addresses: tuple[IPAddress, ...]) -> None:
    present = ffi.new("unsigned char *", 1)
    for address in addresses:
        key = ffi.new("struct decap_address *", {"family": address.version})
        ffi.memmove(key.bytes, address.packed, len(address.packed))
        if lib.bpf_map_update_elem(descriptor, key, present, 0):
            raise HostError(f"the eBPF map takes no more addresses: {os.strerror(ffi.errno)}")


@contextlib.contextmanager
def _map_of(ffi: Any, lib: Any, program_id: int, name: bytes) -> Iterator[int]:
    program = lib.bpf_prog_get_fd_by_id(program_id)
    if program < 0:
        raise HostError(f"cannot open eBPF program {program_id}: {os.strerror(ffi.errno)}")
    try:
        descriptor = lib.decap_map_fd(program, name)
    finally:
        os.close(program)
    if descriptor < 0:
        raise HostError(f"cannot open the eBPF program's map {name.decode()}: {os.strerror(-descriptor)}")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _count(ffi: Any, lib: Any, descriptor: int, values: Any, reason: Reason) -> Count:
    if lib.bpf_map_lookup_elem(descriptor, ffi.new("uint32_t *", reason.value), values):
        raise HostError(f"cannot read the eBPF counters: {os.strerror(ffi.errno)}")
    return Count(reason, sum(value.packets for value in values), sum(value.bytes for value in values))


def _address(key: bytes) -> IPAddress:
    if key[0] == 4:
        return IPAddress(int.from_bytes(key[4:8], "big"), 4)
    return IPAddress(int.from_bytes(key[4:20], "big"), 6)
