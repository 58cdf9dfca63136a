# SPDX-License-Identifier: Apache-2.0
"""Build the native parts: the cffi extensions and the eBPF objects. Everything else stands in pyproject.toml.

Each eBPF object lands in the package whose Python loads it, so a source in `native/` yields an object one
directory up. A changed header rebuilds everything beside it: each native room is one unit of translation.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cffi  # noqa: F401  without it setuptools would pass over cffi_modules in silence
from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

CFFI_BUILDERS = ["director/datapath/native/build_native.py:ffibuilder", "realserver/build_bpf.py:ffibuilder"]
NATIVE_ROOMS = (Path("director/datapath"), Path("realserver"))
BPF_FLAGS = ("-O2", "-g", "-target", "bpf", "-mcpu=v3", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror")


def native_files(pattern: str) -> list[Path]:
    return sorted(path for room in NATIVE_ROOMS for path in room.rglob(pattern))


def object_of(source: Path) -> Path:
    room = source.parent.parent if source.parent.name == "native" else source.parent
    return room / source.name.replace(".bpf.c", ".bpf.o")


def multiarch_include() -> list[str]:
    """Name the directory of <asm/types.h>, which Debian keeps apart for each architecture."""
    triplet = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True)
    directory = Path("/usr/include") / triplet.stdout.strip()
    return [f"-I{directory}"] if triplet.stdout.strip() and directory.is_dir() else []


def compile_bpf(source: Path, target: Path) -> None:
    """Compile one eBPF object, unless it is newer than its source and all headers."""
    inputs = [source, *native_files("*.h")]
    if target.exists() and all(path.stat().st_mtime < target.stat().st_mtime for path in inputs):
        return
    if shutil.which("clang") is None:
        raise CompileError(f"clang is missing: it compiles {source} (apt-get install clang)")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "clang",
        *BPF_FLAGS,
        *multiarch_include(),
        f"-I{source.parent}",
        "-c",
        str(source),
        "-o",
        str(target),
    ]
    if subprocess.run(command, check=False).returncode != 0:
        target.unlink(missing_ok=True)
        raise CompileError(f"clang could not compile {source}")


class BuildNative(build_ext):
    """cffi's extensions with their headers as dependencies, then the eBPF objects."""

    def run(self) -> None:
        for extension in self.extensions:
            extension.depends = [*extension.depends, *map(str, native_files("*.h"))]
        super().run()
        for source in native_files("*.bpf.c"):
            compile_bpf(source, Path(self.build_lib) / object_of(source))
            if self.inplace:
                self.copy_file(str(Path(self.build_lib) / object_of(source)), str(object_of(source)))

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), *self._bpf_mapping()]

    def get_output_mapping(self) -> dict[str, str]:
        ours = self._bpf_mapping() if self.inplace else {}
        return {**super().get_output_mapping(), **ours}

    def _bpf_mapping(self) -> dict[str, str]:
        objects = [object_of(source) for source in native_files("*.bpf.c")]
        return {str(Path(self.build_lib) / built): str(built) for built in objects}


setup(
    cffi_modules=CFFI_BUILDERS,
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},  # cffi's modules keep to the limited API
)
