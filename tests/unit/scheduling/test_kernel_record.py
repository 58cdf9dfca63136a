# SPDX-License-Identifier: Apache-2.0
"""What the real kernel chose. kernel-runs.json was recorded from ip_vs of Linux 6.1 (64 bit), by record.py.

Services were filled and edited by ipvsadm, and met clients between (script.py has the words). Server n is
172.16.0.n, by DR. Only twos is not there, since that kernel's packages come without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.model import Protocol, Scheduler, SchedulerFlag, VirtualService
from director.scheduling import Flow
from tests.unit.scheduling.compiled import Compiled, Defined, destination
from tests.unit.scheduling.script import OPENING, Act, Change, Client, Run, Wait, parsed, written

SAID = json.loads(Path(__file__).with_name("kernel-runs.json").read_text())["runs"]
RUNS = [parsed(each) for each in SAID]
STARTS = 1  # ms


def played(run: Run) -> Iterator[tuple[VirtualService, Act, Flow]]:
    """Say for each act how the service is from then on, and for a packet whose it is."""
    weights: dict[int, int] = {}
    now = STARTS
    for act in run.acts:
        if isinstance(act, Wait):
            now += 1000 * act.seconds
        elif isinstance(act, Change) and act.verb == "delete":
            del weights[act.server]
        elif isinstance(act, Change):
            weights[act.server] = act.weight
        servers = tuple(destination(number, weight, run.port) for number, weight in weights.items())
        address, port = (act.address, act.port) if isinstance(act, Client) else (run.address, 0)
        yield (
            VirtualService(run.key, run.scheduler, run.flags, servers),
            act,
            Flow(address, port, run.address, now),
        )


def opened(run: Run) -> list[int | None]:
    return [act.server for act in run.acts if isinstance(act, Client) and act.kind in OPENING]


def name(run: Run) -> str:
    return run.name


@pytest.mark.parametrize("run", RUNS, ids=name)
def test_the_definitions_choose_as_the_kernel_did(run: Run) -> None:
    defined = Defined(run.tunables)
    held: dict[tuple[str, int], int | None] = {}
    got = []
    defined.configure(VirtualService(run.key, run.scheduler, run.flags))
    for service, act, flow in played(run):
        client = (str(flow.address), flow.port)
        if isinstance(act, Change):
            defined.configure(service)
        elif isinstance(act, Client) and act.kind in OPENING:
            held[client] = defined.choose(flow)
            got.append(held[client])
        elif isinstance(act, Client) and act.kind == "F":
            server = held[client]
            if server is not None:
                defined.close(server)
    assert got == opened(run)


@pytest.mark.parametrize("run", RUNS, ids=name)
def test_the_data_path_chooses_as_the_kernel_did(run: Run) -> None:
    compiled = Compiled(run.tunables)
    got = []
    compiled.configure(VirtualService(run.key, run.scheduler, run.flags))
    for service, act, flow in played(run):
        if isinstance(act, Change):
            compiled.configure(service)
        elif isinstance(act, Client):
            server = compiled.send(service.key, flow, act.kind)
            got += [server] if act.kind in OPENING else []
    assert got == opened(run)


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_a_script_says_all_that_was_read_from_it(number: int) -> None:
    assert written(RUNS[number].acts) == SAID[number]["script"]


def test_the_record_covers_every_scheduler_flag_and_protocol() -> None:
    assert {run.scheduler for run in RUNS} == {*Scheduler} - {Scheduler.TWOS}
    assert {flag for run in RUNS for flag in run.flags} == {*SchedulerFlag}
    assert {run.protocol for run in RUNS} == {Protocol.TCP, Protocol.UDP}
    assert len(RUNS) > 100
