# SPDX-License-Identifier: Apache-2.0
"""Name the eBPF programs that others have put on an interface; only looks.

A program is told by its id, and named where the kernel lets us (CAP_SYS_ADMIN or CAP_BPF).
"""

from __future__ import annotations

import os

from director.datapath._native import ffi, lib

TCX_INGRESS = 46  # enum bpf_attach_type, which the headers of Linux 6.1 do not know yet
MOST = 64


def program_name(number: int) -> str:
    """Name the program of this id; by the id where it is not told."""
    descriptor = lib.bpf_prog_get_fd_by_id(number)
    if descriptor < 0:
        return f"program {number}"
    try:
        info = ffi.new("struct bpf_prog_info *")
        size = ffi.new("uint32_t *", ffi.sizeof(info[0]))
        lib.bpf_obj_get_info_by_fd(descriptor, info, size)
        return ffi.string(info.name).decode() or f"program {number}"
    finally:
        os.close(descriptor)


def tcx_programs(index: int) -> tuple[str, ...]:
    """Name the TCX programs on an interface's ingress; none where the kernel knows no TCX."""
    ids, count = ffi.new("uint32_t[]", MOST), ffi.new("uint32_t *", MOST)
    attach_type = ffi.cast("enum bpf_attach_type", TCX_INGRESS)
    if lib.bpf_prog_query(index, attach_type, 0, ffi.NULL, ids, count) < 0:
        return ()
    return tuple(program_name(number) for number in ids[0 : count[0]])
