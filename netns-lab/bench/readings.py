# SPDX-License-Identifier: Apache-2.0
"""Read numbers out of what programs and the kernel print. Pure, but for `busy_seconds`."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}
IDLE, IOWAIT, STEAL, GUEST = 3, 4, 7, 8  # columns of /proc/stat's first line, after its name


@dataclass(frozen=True, slots=True)
class Wrk:
    """What wrk says: latencies in microseconds; `failed` counts errors and answers that say no."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float


def parse_wrk(said: str) -> Wrk:
    """Read wrk's report, with its latencies."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)\b", said)
    assert total, f"wrk has reported no total: {said!r}"
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Wrk(
        requests=int(total[1]),
        seconds=float(total[2]) * UNITS[total[3]] / 1e6,
        failed=sum(map(int, errors.groups() if errors else ())) + int(refused[1] if refused else 0),
        p50=_latency(said, "50%"),
        p99=_latency(said, "99%"),
    )


def _latency(said: str, share: str) -> float:
    found = re.search(rf"^\s*{re.escape(share)}\s+([\d.]+)(us|ms|s|m)\b", said, re.MULTILINE)
    assert found, f"wrk has reported no latency of {share}: {said!r}"
    return float(found[1]) * UNITS[found[2]]


def iperf_gigabits(said: str) -> float:
    """Read from iperf3's JSON what the receiver got, in Gbit/s."""
    return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e9


def parse_pair(said: str) -> tuple[float, float]:
    """Read the two numbers that flood and spare print: how many, in how many seconds."""
    count, seconds = said.split()
    return float(count), float(seconds)


def busy(stat: str, ticks: int) -> float:
    """Read from /proc/stat the seconds that all cores have worked for us since the start."""
    columns = [int(word) for word in stat.splitlines()[0].split()[1:]]
    ours = [value for column, value in enumerate(columns[:GUEST]) if column not in (IDLE, IOWAIT, STEAL)]
    return sum(ours) / ticks


def busy_seconds() -> float:
    """Tell how many seconds all cores have worked so far: true only where they hardly rest (ticks sample)."""
    return busy(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))
