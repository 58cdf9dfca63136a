# SPDX-License-Identifier: Apache-2.0
"""Instructions that the verifier may process for each program, and what it did process in each kernel tried.

A kernel takes a million, and kernels differ: the budget leaves room for one that follows more ways. It is
held in the kernel that the tests run in, and in each that was recorded (`python -m tests.kernels --record`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

BUDGET: Mapping[str, int] = MappingProxyType(
    {"lb_xdp": 500_000, "lb_tc": 500_000, "guard": 50_000, "tap": 50_000, "unwrap": 20_000}
)
RECORDED = Path(__file__).with_name("recorded.json")

Counts = Mapping[str, int]  # instructions, by program


def recorded() -> Mapping[str, Counts]:
    """Return what was counted in each kernel, by its release."""
    read: Mapping[str, Counts] = json.loads(RECORDED.read_text())
    return read


def record(release: str, counts: Counts) -> None:
    """Write down what a kernel's verifier processed, in place of what stood there for this release."""
    before = recorded() if RECORDED.exists() else {}
    after = {**before, release: dict(counts)}
    RECORDED.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n")
