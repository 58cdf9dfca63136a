# SPDX-License-Identifier: Apache-2.0
"""A kernel is found in what a package unpacks to, and refused with a sentence where there is none."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from tests.kernels.image import KernelError, kernel, module_bytes


def test_a_directory_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="has 0 of boot/vmlinuz-\\*, expected 1"):
        kernel(tmp_path, tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="no such package or directory"):
        kernel(tmp_path / "none.deb", tmp_path)


def test_a_module_is_read_compressed_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.ko", tmp_path / "a.ko.xz"
    plain.write_bytes(b"module")
    packed.write_bytes(lzma.compress(b"module"))
    assert {module_bytes(plain), module_bytes(packed)} == {b"module"}


def test_a_module_in_another_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="cannot read modules that end so"):
        module_bytes(tmp_path / "a.ko.bz2")
