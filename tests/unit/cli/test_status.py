# SPDX-License-Identifier: Apache-2.0
"""`director status` against a control server that listens."""

from __future__ import annotations

import json
from dataclasses import replace

from director.cli import printing
from director.cli.answers import NextHop
from director.cli.status import _next_hops
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import STATUS


def test_the_whole_state_is_shown(director: StoppableDirector, run: Run) -> None:
    assert run("status").output == (
        "version         0.1.0\n"
        "process         4711\n"
        "running for     12 s (since 2026-01-02T03:04:05Z)\n"
        "workers         1\n"
        "connections     5 of 1000000, and 2 persistence templates\n"
        "tables since    2026-01-01T02:03:04Z, taken over from the process before "
        "(pinned as director-1f-2e)\n"
        "table image     generation 7\n"
        "frames lost     3 (they came faster than the workers took them)\n"
        "addresses held  192.0.2.1\n"
        "\n"
        "INTERFACE  DATA PATH  MAC                 MTU  WHY\n"
        "eth0       packet     02:00:00:00:00:01  1500  the only one asked for\n"
        "\n"
        "SERVER    NEXT HOP  INTERFACE  VIA  MAC\n"
        "10.0.0.2  resolved  eth0       -    02:00:00:00:00:02\n"
        "10.0.0.3  no route  -          -    -\n"
    )


def test_that_no_interface_is_taken_is_said(director: StoppableDirector, run: Run) -> None:
    director.state = replace(STATUS, interfaces=())
    assert "interfaces      none is taken, so nothing is forwarded\n" in run("status").output


def test_json_is_the_answer_of_the_api(director: StoppableDirector, run: Run) -> None:
    answer = json.loads(run("status", "--json").output)
    assert (answer["pid"], answer["table"], answer["addresses"]) == (
        4711,
        {"capacity": 1_000_000, "used": 7, "templates": 2},
        ["192.0.2.1"],
    )


def test_of_very_many_next_hops_those_that_are_not_resolved_are_shown() -> None:
    hops: list[NextHop] = [
        {"destination": f"10.0.0.{n}", "state": "no route" if n == 250 else "resolved",
         "interface": None, "via": None, "mac": None}
        for n in range(1, 255)
    ]  # fmt: skip
    with (screen := printing.console()).capture() as captured:
        screen.print(_next_hops(hops))
    first, *lines, words = captured.get().splitlines()
    assert (first.split()[0], lines[0].split()[:3]) == ("SERVER", ["10.0.0.250", "no", "route"])
    assert words == "100 of 254 next hops, 1 of them not resolved; --json shows all"
