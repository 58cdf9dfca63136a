# SPDX-License-Identifier: Apache-2.0
"""The verifier has room to spare: in this kernel, and in each that was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kernels import budget
from tests.kernels.budget import BUDGET, record, recorded
from tests.kernels.verifier import OBJECTS, Verified, verified
from tests.needs import needs


@needs("root", "bpf")
def test_this_kernel_takes_every_program_within_its_budget() -> None:
    found: Mapping[str, Verified] = {name: each for path in OBJECTS for name, each in verified(path).items()}
    assert {name: each.refusal for name, each in found.items()} == dict.fromkeys(BUDGET, "")
    assert {name: each.processed for name, each in found.items() if each.processed > BUDGET[name]} == {}


def test_every_recorded_kernel_took_every_program_within_its_budget() -> None:
    assert recorded(), "no kernel was recorded"
    for release, counts in recorded().items():
        assert set(counts) == set(BUDGET), release
        assert {name: count for name, count in counts.items() if count > BUDGET[name]} == {}, release


def test_a_recording_replaces_the_one_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "RECORDED", tmp_path / "recorded.json")
    record("6.1", {"tap": 1})
    record("6.8", {"tap": 2})
    record("6.1", {"tap": 3})
    assert recorded() == {"6.1": {"tap": 3}, "6.8": {"tap": 2}}
