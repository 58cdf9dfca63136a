# SPDX-License-Identifier: Apache-2.0
"""The README's quick start, command by command as it is printed, on the hosts that it speaks of."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from lab import Lab, RunningNode
from tests.lab.forwarding import NEEDS, eventually

pytestmark = [pytest.mark.lab, NEEDS]

README = Path(__file__).resolve().parents[2] / "README.md"
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Return the quick start's blocks: each the commands in it."""
    section = README.read_text().split("\n## Quick start", 1)[1].split("\n## ", 1)[0]
    return [block.splitlines() for block in FENCE.findall(section)]


def test_the_quick_start_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, start, configure, ask, look, undo = commands()
    monkeypatch.chdir(tmp_path)  # where the configuration is saved
    with Lab.up("one-arm-dr", f"qs{os.getpid()}") as lab:
        servers, director = (lab.node("rs1"), lab.node("rs2")), lab.node("director")
        before = [_settings(node) for node in servers]
        for node in servers:
            _all(node, prepare)
        [line] = start
        running = director.start(shlex.split(line), log="director")
        eventually(lambda: director.run(("director", "status")).returncode == 0, running.tail)
        said = _all(director, configure)
        eventually(lambda: "resolving" not in director.output_of(("director", "server", "list")))
        answers = {_all(lab.node("client"), ask) for _ in range(6)}
        _all(director, look)
        _all(director, undo[:1])
        assert running.wait(timeout=10) == 0
        for node in servers:
            _all(node, undo[1:])
        assert answers == {"rs1\n", "rs2\n"}
        assert "10.0.0.12:80" in said
        assert [_settings(node) for node in servers] == before


def _all(node: RunningNode, lines: list[str]) -> str:
    return "".join(node.output_of(shlex.split(line)) for line in lines)


def _settings(node: RunningNode) -> str:
    """Return what `realserver` may touch."""
    keys = [
        f"net.ipv4.conf.{where}.{key}" for where in ("all", "lan") for key in ("arp_ignore", "arp_announce")
    ]
    parts = (("ip", "-o", "address"), ("ip", "route"), ("sysctl", *keys))
    return "".join(node.output_of(part) for part in parts)
