# SPDX-License-Identifier: Apache-2.0
"""Fuzz the packet code, from the packet table on: briefly, or for DIRECTOR_FUZZ_SECONDS if it says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.corpus import write_corpus
from tests.native.build import HERE as NATIVE_TESTS
from tests.native.build import compile_program
from tests.needs import needs

SECONDS = int(os.environ.get("DIRECTOR_FUZZ_SECONDS", "0"))
SMOKE_RUNS = 30_000
FLAGS = ("-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")


@needs("clang", "fuzzer")
def test_no_sequence_of_frames_upsets_the_packet_code(tmp_path: Path) -> None:
    target = compile_program(
        tmp_path / "fuzz",
        Path(__file__).with_name("fuzz_forward.c"),
        NATIVE_TESTS / "tape.c",
        flags=FLAGS,
        compiler="clang",
    )
    seeds = write_corpus(tmp_path)
    limit = f"-max_total_time={SECONDS}" if SECONDS else f"-runs={SMOKE_RUNS}"
    done = subprocess.run(
        [target, limit, "-seed=1", "-max_len=4096", "-rss_limit_mb=2048", "-print_final_stats=1", seeds],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "FUZZ_TAPE": str(tmp_path / "images.tape")},
    )
    assert done.returncode == 0, done.stderr[-4000:] + "".join(crashes(tmp_path))
    assert executed(done.stderr) >= SMOKE_RUNS


def executed(said: str) -> int:
    """Read how many inputs libFuzzer tried."""
    lines = [line for line in said.splitlines() if line.startswith("stat::number_of_executed_units:")]
    return int(lines[-1].split()[-1])


def crashes(directory: Path) -> Iterator[str]:
    """The inputs that libFuzzer left, to be made packet cases of."""
    for path in sorted(directory.glob("crash-*")):
        yield f"\n{path.name}: {path.read_bytes().hex()}"
