# SPDX-License-Identifier: Apache-2.0
"""Programs that run on every CPU at once, over the same flows, leave the tables as one after the other would.

Meanwhile time passes, connections end, the sweeper sweeps and images are swapped. Then everything is
compared: counts with entries, replies with flows, packets with where they went. Nothing is left in the end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from director.datapath._native import ffi, lib

from cost.subject import objects
from director.datapath.listing import STATES
from director.datapath.programs import ProgramKind, Programs, TableSizes
from director.model import ForwardingMethod, Scheduler
from tests.lab.datapath.crowded import (
    ACTIVE,
    LINES,
    MEMBERS,
    SOURCES,
    Crowd,
    Entry,
    crowd,
    repeated,
    together,
)
from tests.needs import needs

pytestmark = [needs("root", "bpf", "netns", "veth", "gcc")]
DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT
PAUSE = 3_000  # ms: some flows get no packet for a timeout
SHORT = 0.0002  # s: the test's own thread lets others run
LIFE = 3_600_000  # ms: longer than any timeout
MANY = 60_000  # flows, of which most are met once
LOST = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """How servers are reached and chosen, how many flows there are and how many sets of places for them."""

    method: ForwardingMethod
    scheduler: Scheduler
    flows: int
    sets: int


SCENES = {
    "room enough, dr": Scene(DR, Scheduler.RR, 300, 1 << 8),
    "room enough, nat": Scene(NAT, Scheduler.WLC, 300, 1 << 8),
    "no room, dr": Scene(DR, Scheduler.WLC, 100, 1 << 3),
    "no room, nat": Scene(NAT, Scheduler.RR, 100, 1 << 3),
}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a crowd left: when it had gone, and when all its connections had ended and were swept."""

    scene: Scene
    packets: int
    reasons: dict[str, int]
    wrong: int
    entries: tuple[Entry, ...]
    alive: tuple[Entry, ...]
    counts: dict[int, tuple[int, int]]
    left: tuple[Entry, ...]
    counts_left: dict[int, tuple[int, int]]


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    with objects(SOURCES) as directory:
        yield directory


@pytest.fixture(scope="module", params=SCENES.values(), ids=list(SCENES))
def after(request: pytest.FixtureRequest, room: Path) -> Aftermath:
    """Let a crowd through, swept and swapped meanwhile, and at last undisturbed."""
    scene: Scene = request.param
    with crowd(room, scene.sets, scene.method, scene.scheduler) as made:
        sweeper = ffi.gc(lib.lb_sweeper_new(made.datapath), lib.lb_sweeper_free)

        def disturb(turn: int) -> None:
            time.sleep(SHORT)
            made.pass_time(PAUSE)
            lib.lb_sweep(sweeper, 1 + turn % scene.sets, made.clock)
            if turn % 50 == 0:
                made.programs[0].swap(made.images[turn // 50 % 2])

        made.gather(scene.flows)
        packets = together(made, lambda number: [made.programs[(number + n) % 2] for n in range(8)], disturb)
        packets += together(made, lambda number: [made.programs[number % 2]], lambda _: time.sleep(SHORT))
        reasons, entries, alive, counts = made.reasons(), made.entries(), made.alive(), made.counts()
        for _ in range(4):
            made.pass_time(LIFE)
            lib.lb_sweep(sweeper, scene.sets, made.clock)
        return Aftermath(
            scene, packets, reasons, made.judged(), entries, alive, counts, made.entries(), made.counts()
        )


def test_each_packet_is_counted_once_and_all_kinds_came(after: Aftermath) -> None:
    assert sum(after.reasons.values()) == after.packets
    assert {"NEW", "HIT", "RST_UNKNOWN"} <= after.reasons.keys()
    has_room = after.scene.sets * lib.LB_WAYS > 2 * after.scene.flows
    assert "FRAGMENT" in after.reasons or not has_room, "fragments find no place where connections have none"
    assert ("REPLY" in after.reasons) == (after.scene.method is NAT)


def test_nobody_is_left_writing(after: Aftermath) -> None:
    assert [entry for entry in after.entries if entry.kind == lib.LB_CONN_BUSY] == []


def test_no_key_is_alive_twice(after: Aftermath) -> None:
    assert repeated([entry.key for entry in after.alive]) == []


def test_each_destinations_counts_are_its_connections(after: Aftermath) -> None:
    flows = [entry for entry in after.entries if entry.kind == lib.LB_CONN_FLOW]
    active = Counter(entry.dest for entry in flows if STATES[entry.state].value in ACTIVE)
    inactive = Counter(entry.dest for entry in flows if STATES[entry.state].value not in ACTIVE)
    assert after.counts == {dest: (active[dest], inactive[dest]) for dest in {*active, *inactive}}


def test_each_translated_flow_has_its_reply_and_no_other_has(after: Aftermath) -> None:
    flows = {entry.index for entry in after.alive if entry.kind == lib.LB_CONN_FLOW}
    replies = {entry.peer for entry in after.alive if entry.kind == lib.LB_CONN_REPLY}
    assert flows
    assert replies == (flows if after.scene.method is NAT else set())


def test_no_packet_went_another_connections_way(after: Aftermath) -> None:
    assert after.wrong == 0


def test_when_all_has_ended_every_place_is_empty_and_every_count_is_zero(after: Aftermath) -> None:
    assert (after.left, after.counts_left) == ((), {})


@pytest.fixture(params=[DR, NAT], ids=lambda method: method.value)
def roomy(request: pytest.FixtureRequest, room: Path) -> Iterator[Crowd]:
    """Give a crowd room for all flows, so that nothing ends."""
    with crowd(room, 1 << 14, request.param, Scheduler.RR) as made:
        yield made


def test_a_flow_whose_first_packets_come_at_once_is_opened_once(roomy: Crowd) -> None:
    for programs in roomy.programs:
        roomy.gather_in_step(MANY)
        together(roomy, lambda _: [programs], lambda _: time.sleep(SHORT))  # noqa: B023 - called at once
    assert repeated([entry.key for entry in roomy.alive()]) == []


def test_round_robin_gives_each_server_its_share(roomy: Crowd) -> None:
    """Some steps of the cursor are lost: where two CPUs are at one new flow at once, which is rare here."""
    roomy.gather(MANY)
    together(roomy, lambda number: [roomy.programs[number % 2]], lambda _: time.sleep(SHORT))
    opened = [lib.lb_datapath_dest_counters(roomy.datapath, 1 + n).connections for n in range(2 * MEMBERS)]
    assert sum(opened) == roomy.reasons()["NEW"]
    for shares in (opened[:MEMBERS], opened[MEMBERS:]):
        assert max(shares) - min(shares) <= LOST


def test_a_place_that_a_killed_director_was_at_is_given_back() -> None:
    programs = Programs.load(ProgramKind.TC, TableSizes(sets=4, image_lines=LINES))
    place = programs.tables.at("lb_conns", "struct lb_conn *")[5]
    sweeper = ffi.gc(lib.lb_sweeper_new(programs.tables.datapath), lib.lb_sweeper_free)
    place.control = 7 << 32 | 1 << 16 | lib.LB_CONN_BUSY
    seen = []
    for now in range(1000, 7000, 1000):
        lib.lb_sweep(sweeper, 4, now)
        seen.append(place.control & 0xFF)
    del sweeper
    programs.close()
    assert seen[0] == lib.LB_CONN_BUSY
    assert (seen[1], seen[-1]) == (lib.LB_CONN_DEAD, lib.LB_CONN_EMPTY)
