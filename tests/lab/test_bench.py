# SPDX-License-Identifier: Apache-2.0
"""The bench with samples as short as can be: every path carries, every measure measures, nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.contenders import CONTENDERS
from bench.course import turns
from bench.measures import MEASURES
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "1", "--pace", "5000")
DEADLINE = 300
EVERY_PATH = ("latency", "one-core/bare-xdp")
EVERY_MEASURE = ("/forward", "cost/direct", "cost-many/direct", "one-core/xdp-nat")

pytestmark = [
    pytest.mark.lab,
    needs(
        "root", "netns", "packet-socket", "veth", "bpf", "clsact", "nft", "nginx", "nginx-stream", "haproxy"
    ),
    needs("wrk", "iperf3", "curl", "tc", "gcc", "clang", "ethtool"),
]


@contextmanager
def bench(output: Path, *patterns: str) -> Iterator[subprocess.Popen[str]]:
    """Run the bench; it is ended with the block, should it still run."""
    only = [word for pattern in patterns for word in ("--only", pattern)]
    process = subprocess.Popen(
        [*COMMAND, *only, "--output", str(output)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "netns-lab"), "NETNS_LAB_DIR": str(output / "labs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def leftovers(process: subprocess.Popen[str], output: Path) -> list[str]:
    """Name what is still there of a bench: namespaces, and what is in its labs' directory."""
    namespaces = [path.name for path in Path("/run/netns").glob(f"bench{process.pid}-*")]
    return namespaces + [path.name for path in (output / "labs").glob("*")]


def test_a_short_bench_measures_and_writes_it_all_down(tmp_path: Path) -> None:
    patterns = (*EVERY_PATH, *EVERY_MEASURE)
    with bench(tmp_path, *patterns) as process:
        said, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, said
    written = json.loads((tmp_path / "bench.json").read_text())
    wanted = {
        (turn.contender.name, quantity.name)
        for turn in turns(1, patterns)
        for quantity in turn.measure.quantities
    }
    assert {(one["contender"], one["quantity"]) for one in written["samples"]} == wanted
    assert written["failures"] == []
    positive = {one["quantity"] for one in written["samples"] if one["value"] > 0}
    assert {quantity for _, quantity in wanted if not quantity.startswith("cost")} <= positive
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "director packet, NAT" in (tmp_path / "bench.md").read_text()
    assert leftovers(process, tmp_path) == []


def test_every_contender_and_every_measure_is_in_the_test_of_a_short_bench() -> None:
    planned = tuple(turns(1, (*EVERY_PATH, *EVERY_MEASURE)))
    assert {turn.contender for turn in planned} == set(CONTENDERS)
    assert {turn.measure for turn in planned} == set(MEASURES)


def test_an_interrupted_bench_leaves_nothing(tmp_path: Path) -> None:
    with bench(tmp_path, "latency") as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "labs").glob("*/pids/*")):
            assert process.poll() is None, "the bench ended before it was interrupted"
            assert time.monotonic() < deadline, "the bench did not build its lab"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT, said
    assert leftovers(process, tmp_path) == []


def test_a_name_that_nothing_has_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with bench(tmp_path, "latencies") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "'latencies' is nothing that is measured" in said
    assert "keepalive" in said
