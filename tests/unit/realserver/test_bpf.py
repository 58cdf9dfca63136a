# SPDX-License-Identifier: Apache-2.0
"""The native part and its Python twin agree, and each reason has its sentence."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from realserver import bpf
from realserver.errors import HostError
from realserver.settings import TunnelType


@pytest.fixture(scope="module")
def native() -> Any:
    return importlib.import_module("realserver._bpf")


def test_reasons_are_the_c_headers(native: Any) -> None:
    named = {reason.name: getattr(native.lib, f"DECAP_{reason.name}") for reason in bpf.Reason}
    assert named == {reason.name: reason.value for reason in bpf.Reason}
    assert len(bpf.Reason) == native.lib.DECAP_REASONS


def test_sizes_are_the_programs(native: Any) -> None:
    sizes = [native.ffi.sizeof(f"struct {name}") for name in ("decap_address", "decap_vip", "decap_count")]
    assert sizes == [20, 4, 16]


def test_tunnels_are_the_c_headers_bits(native: Any) -> None:
    assert {kind.name: bit for kind, bit in bpf.BIT.items()} == {
        kind.name: getattr(native.lib, f"DECAP_{kind.name}") for kind in TunnelType
    }


def test_every_reason_has_a_sentence() -> None:
    assert set(bpf.MEANING) == set(bpf.Reason)


def test_every_reason_is_in_the_guide() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs/realserver.md").read_text()
    assert [reason.name for reason in bpf.Reason if f"`{reason.name.lower()}`" not in guide] == []


def test_program_that_does_not_exist_is_an_error_of_the_host() -> None:
    with pytest.raises(HostError, match=r"cannot open eBPF program 4294967294: "):
        bpf.read_counts(2**32 - 2)
