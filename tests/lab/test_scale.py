# SPDX-License-Identifier: Apache-2.0
"""A large set-up at work: every figure of scripts/scale is measured, edits reach packets, nothing is left.

As large as one can wait for; DIRECTOR_SCALE=1000 makes it as large as docs/performance.md has it, and takes
minutes. No figure is judged here: the machine may be busy.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scale.measures import ANSWERS, LISTINGS
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]
SERVICES = int(os.environ.get("DIRECTOR_SCALE", "30"))
SERVERS, CONNECTIONS_EACH, EDITS = 100, 1000, 3
DEADLINE = 120 + SERVICES
ALWAYS = {
    "ready", "ways", "memory-resident", "memory-private", "edit", "effect", "filled", "full-memory-resident",
    "full-memory-private", "full-edit", "listing-effect", "few-arrivals", "many-arrivals",
}  # fmt: skip

pytestmark = [
    pytest.mark.lab,
    needs("root", "netns", "packet-socket", "veth", "bpf", "clsact", "tc", "gcc", "clang", "ethtool"),
]


def test_a_large_set_up_is_measured_and_taken_down(tmp_path: Path) -> None:
    target = tmp_path / "scale.json"
    connections = SERVICES * CONNECTIONS_EACH
    process = subprocess.Popen(
        (
            *(sys.executable, "-m", "scale", "--services", str(SERVICES), "--servers", str(SERVERS)),
            *("--connections", str(connections), "--edits", str(EDITS), "--output", str(target)),
        ),
        env={**os.environ, "PYTHONPATH": str(ROOT / "netns-lab"), "NETNS_LAB_DIR": str(tmp_path / "labs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=DEADLINE)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert process.returncode in (0, 1), said  # 1: late, which a busy machine is
    document = json.loads(target.read_text())
    with_edits = {name for one in (*ANSWERS, *LISTINGS) for name in (one[0], f"{one[0]}-edit")}
    assert {line["name"] for line in document["measures"]} == ALWAYS | with_edits
    assert all(sample > 0 for line in document["measures"] for sample in line["samples"])
    assert [path.name for path in Path("/run/netns").glob(f"scale-{process.pid}-*")] == []
    assert list((tmp_path / "labs").glob("*")) == []
