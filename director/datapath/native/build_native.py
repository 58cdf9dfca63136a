# SPDX-License-Identifier: Apache-2.0
"""Describe the `_native` extension to cffi: which C is compiled, and which of it Python may call.

The declarations live in `*.cdef.h` beside this file. cffi checks each against the real headers when it
compiles, so a size or a constant can not drift apart. Run at build time only, by setup.py.
"""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
SOURCES = sorted(str(path.relative_to(HERE.parents[2])) for path in HERE.glob("*.c"))
DECLARATIONS = sorted(HERE.glob("*.cdef.h"))
HEADERS = sorted(HERE.glob("*.h"))

ffibuilder = FFI()
for declaration in DECLARATIONS:
    ffibuilder.cdef(declaration.read_text())
ffibuilder.set_source(
    "director.datapath._native",
    '#include "native.h"\n#include <bpf/bpf.h>\n#include <bpf/libbpf.h>\n#include <linux/if_link.h>\n',
    sources=SOURCES,
    depends=[str(path) for path in HEADERS + DECLARATIONS],
    libraries=["bpf"],
    # The wire layouts alias bytes that other types wrote: with strict aliasing gcc drops such stores.
    # -iquote: our sched.h must not stand in the way of the system's.
    extra_compile_args=[
        "-O2",
        "-g",
        "-std=gnu11",
        "-fno-strict-aliasing",
        "-Wall",
        "-Wextra",
        "-pthread",
        "-iquote",
        str(HERE),
    ],
    define_macros=[("_GNU_SOURCE", "1")],
    extra_link_args=["-pthread"],
)
