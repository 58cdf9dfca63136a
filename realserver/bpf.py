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
from realserver.settings import Served, Tunnels, TunnelType

OBJECT = "decap.bpf.o"
# The C header's `enum decap_tunnel`; a test holds the two together.
BIT = {TunnelType.IPIP: 1, TunnelType.GRE: 2, TunnelType.GUE: 4}


class Reason(IntEnum):
    """The C header's `enum decap_reason`; a test holds the two together."""

    UNWRAPPED = 0
    OTHER_ENDPOINT = 1
    OTHER_VIP = 2
    OTHER_TUNNEL = 3
    OUTER_FRAGMENT = 4
    OUTER_BAD = 5
    TUNNEL_BAD = 6
    INNER_SHORT = 7
    INNER_VERSION = 8
    INNER_LENGTH = 9
    CONGESTION = 10
    FAILED = 11


MEANING = {
    Reason.UNWRAPPED: "unwrapped and handed to the stack",
    Reason.OTHER_ENDPOINT: "passed untouched: the tunnel ends at an address that is no endpoint of this host",
    Reason.OTHER_VIP: "passed untouched: the packet inside is for no VIP that takes this kind of tunnel",
    Reason.OTHER_TUNNEL: "passed untouched: a version, payload or option of GRE or GUE not known here",
    Reason.OUTER_FRAGMENT: "passed untouched: a fragment of a tunnel packet",
    Reason.OUTER_BAD: "dropped: the outer header does not hold together",
    Reason.TUNNEL_BAD: "dropped: the header of GRE or GUE is cut off, or its checksum does not hold",
    Reason.INNER_SHORT: "dropped: cut off within the inner header",
    Reason.INNER_VERSION: "dropped: the packet inside is not of the family that the header outside says",
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
def loaded_decap(endpoints: tuple[IPAddress, ...], vips: tuple[Served, ...]) -> Iterator[int]:
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
        _fill(ffi, lib, opened, endpoints, vips)
        yield int(lib.bpf_program__fd(lib.bpf_object__find_program_by_name(opened, b"unwrap")))
    finally:
        lib.bpf_object__close(opened)


def read_counts(program_id: int) -> tuple[Count, ...]:
    """Sum each reason's counter over all processors."""
    ffi, lib = _library()
    with _map_of(ffi, lib, program_id, b"counts") as descriptor:
        values = ffi.new("struct decap_count[]", lib.libbpf_num_possible_cpus())
        return tuple(_count(ffi, lib, descriptor, values, reason) for reason in Reason)


def read_endpoints(program_id: int) -> tuple[IPAddress, ...]:
    """List the addresses that the program's tunnels end at."""
    ffi, lib = _library()
    with _map_of(ffi, lib, program_id, b"endpoints") as descriptor:
        return tuple(sorted(_address(bytes(ffi.buffer(key))) for key in _keys(ffi, lib, descriptor)))


def read_vips(program_id: int) -> tuple[Served, ...]:
    """List the addresses that the program unwraps for, with the tunnels that each may come in."""
    ffi, lib = _library()
    with _map_of(ffi, lib, program_id, b"vips") as descriptor:
        found = [_served(ffi, lib, descriptor, key) for key in _keys(ffi, lib, descriptor)]
    return tuple(sorted(found, key=lambda each: each.vip))


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


def _fill(
    ffi: Any, lib: Any, opened: Any, endpoints: tuple[IPAddress, ...], vips: tuple[Served, ...]
) -> None:
    present = ffi.new("unsigned char *", 1)
    rows = {
        b"endpoints": [(_key(ffi, endpoint), present) for endpoint in endpoints],
        b"vips": [(_key(ffi, each.vip), _takes(ffi, each.tunnels)) for each in vips],
        b"ports": [(ffi.new("uint16_t *", port), present) for port in _gue_ports(vips)],
    }
    for name, pairs in rows.items():
        descriptor = lib.bpf_object__find_map_fd_by_name(opened, name)
        for key, value in pairs:
            if lib.bpf_map_update_elem(descriptor, key, value, 0):
                raise HostError(f"the eBPF map takes no more {name.decode()}: {os.strerror(ffi.errno)}")


def _gue_ports(vips: tuple[Served, ...]) -> set[int]:
    return {each.tunnels.port for each in vips if TunnelType.GUE in each.tunnels.types}


def _key(ffi: Any, address: IPAddress) -> Any:
    key = ffi.new("struct decap_address *", {"family": address.version})
    ffi.memmove(key.bytes, address.packed, len(address.packed))
    return key


def _takes(ffi: Any, tunnels: Tunnels) -> Any:
    kinds = sum(BIT[kind] for kind in tunnels.types)
    return ffi.new("struct decap_vip *", {"tunnels": kinds, "port": tunnels.port})


def _keys(ffi: Any, lib: Any, descriptor: int) -> Iterator[Any]:
    key, following = ffi.NULL, ffi.new("struct decap_address *")
    while lib.bpf_map_get_next_key(descriptor, key, following) == 0:
        yield following
        key, following = following, ffi.new("struct decap_address *")


def _served(ffi: Any, lib: Any, descriptor: int, key: Any) -> Served:
    value = ffi.new("struct decap_vip *")
    if lib.bpf_map_lookup_elem(descriptor, key, value):
        raise HostError(f"cannot read the eBPF map vips: {os.strerror(ffi.errno)}")
    types = tuple(kind for kind, bit in BIT.items() if value.tunnels & bit)
    return Served(_address(bytes(ffi.buffer(key))), Tunnels(types, value.port))


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
