# SPDX-License-Identifier: Apache-2.0
"""What is measured, in order: each line has a name, a title and its numbers.

Edits first, by themselves; then every long answer, and edits while it is being given; then the same with the
connection table full.
"""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from scale import scene
from scale.asking import TOML, Answer
from scale.stage import Stage
from scale.watching import packet_socket, watch

ARRIVALS_SECONDS = 2.0
FEW = 1000
PAGE, MANY = 1000, 100_000  # connections of an answer: where no limit is asked for, and where this is
WEIGHTS = itertools.cycle((5, 6))  # each edit changes something


@dataclass(frozen=True, slots=True)
class Line:
    """A measure: samples in seconds, or one number of another unit."""

    name: str
    title: str
    samples: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def worst(self) -> float:
        return max(self.samples)


Ask = Callable[[Stage], Answer]


def _get(target: str) -> Ask:
    return lambda stage: stage.director.ask("GET", target)


def _one_service(stage: Stage) -> Answer:
    return stage.director.ask("GET", f"/v1/stats?service={scene.edited(stage.size).service}")


def _put(query: str) -> Ask:
    return lambda stage: stage.director.ask(
        "PUT", f"/v1/config{query}", stage.configuration.read_bytes(), TOML
    )


ANSWERS: tuple[tuple[str, str, Ask], ...] = (
    ("status", "status", _get("/v1/status")),
    ("services", "all services and servers", _get("/v1/services")),
    ("stats", "statistics of all services and servers", _get("/v1/stats")),
    ("totals", "statistics of all services", _get("/v1/stats?destinations=false")),
    ("service", "statistics of one service", _one_service),
    ("metrics", "/metrics", _get("/metrics")),
    ("config", "the configuration as JSON", _get("/v1/config")),
    ("config-toml", "the configuration as TOML (config save)", _get("/v1/config?format=toml")),
    ("diff", "what a file would change (config diff)", _put("?dry_run=true")),
    ("apply", "the same file applied (config apply)", _put("")),
)
LISTINGS: tuple[tuple[str, str, Ask], ...] = (
    ("page", "the first {page:,} connections", _get("/v1/connections")),
    ("count", "connections counted", _get("/v1/connections?count=true")),
    ("client", "those of one client's network", _get("/v1/connections?client=10.64.0.0/30")),
    ("server", "those of one server, counted", lambda stage: _of_server(stage)),
    ("hundred-thousand", "{many:,} connections", _get(f"/v1/connections?limit={MANY}")),
    ("full-status", "status", _get("/v1/status")),
)


def _of_server(stage: Stage) -> Answer:
    server = scene.server(stage.size, 0, 0)
    return stage.director.ask("GET", f"/v1/connections?count=true&destination={server}")


def measured(stage: Stage, edits: int) -> Iterator[Line]:
    """Take all measures."""
    yield Line("ready", "from start to the first answer", (stage.ready,))
    began = time.perf_counter()
    stage.wait_for_ways()
    yield Line("ways", "from then until the ways to all servers are known", (time.perf_counter() - began,))
    yield from _memory(stage, "memory")
    yield Line("edit", "an edit of one weight, answered", tuple(_edits(stage, edits)))
    yield Line("effect", "the same, until a packet is forwarded by it", tuple(_effects(stage, edits)))
    for name, title, ask in ANSWERS:
        yield from _with_edits(stage, name, title, ask)
    began = time.perf_counter()
    used = stage.fill()
    yield Line("filled", f"{used:,} connections opened by packets", (time.perf_counter() - began,))
    yield from _memory(stage, "full-memory")
    for name, title, ask in LISTINGS:
        of = title.format(page=min(PAGE, used), many=min(MANY, used))
        yield from _with_edits(stage, name, of, ask)
    yield Line("full-edit", f"an edit, with {used:,} connections", tuple(_edits(stage, edits)))
    with _listing(stage):
        effects = tuple(_effects(stage, edits))
    yield Line("listing-effect", "an edit in effect, while all connections are listed", effects)
    yield from _arrivals(stage)


def _memory(stage: Stage, name: str) -> Iterator[Line]:
    for kind, size in stage.memory().items():
        yield Line(f"{name}-{kind}", f"the director's memory, {kind}", (size / 2**20,), "MiB")


def _edits(stage: Stage, count: int) -> Iterator[float]:
    path = scene.edited(stage.size).path
    for weight in itertools.islice(WEIGHTS, count):
        yield stage.director.set_weight(path, weight).seconds


def _effects(stage: Stage, count: int) -> Iterator[float]:
    watched, mac = scene.watched(stage.size), bytes.fromhex(stage.entrance.replace(":", ""))
    with (
        closing(packet_socket(stage.client.namespace, "front")) as front,
        closing(packet_socket(stage.server.namespace, "back")) as behind,
        watch(front, behind, mac, watched.vip, scene.PORT) as watching,
    ):
        for _ in range(count):
            yield watching.effect(lambda: stage.director.set_weight(watched.path, 1))
            stage.director.set_weight(watched.path, 0)


def _with_edits(stage: Stage, name: str, title: str, ask: Ask) -> Iterator[Line]:
    """Ask, and edit as long as the answer takes."""
    alone = ask(stage)
    yield Line(name, f"{title}, {amount(len(alone.data))}", (alone.seconds,))
    over = threading.Event()

    def again() -> None:
        ask(stage)
        over.set()

    asking = threading.Thread(target=again)
    asking.start()
    taken = [next(_edits(stage, 1))]
    while not over.is_set():
        taken.append(next(_edits(stage, 1)))
    asking.join()
    yield Line(f"{name}-edit", f"edits meanwhile ({len(taken)})", tuple(taken))


def amount(size: int) -> str:
    """Write a number of bytes."""
    if size < 2**10:
        return f"{size} bytes"
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"


@contextmanager
def _listing(stage: Stage) -> Iterator[None]:
    """List all connections, page by page, again and again."""
    over = threading.Event()

    def list_all() -> None:
        while not over.is_set():
            stage.director.ask("GET", f"/v1/connections?limit={MANY}")

    listing = threading.Thread(target=list_all)
    listing.start()
    try:
        yield
    finally:
        over.set()
        listing.join()


def _arrivals(stage: Stage) -> Iterator[Line]:
    """Flood the full table, with few flows of it and with all of one service's."""
    target = str(scene.flooded()[0])
    for name, flows in (("few", FEW), ("many", stage.size.connections // scene.FULL)):
        before, began = stage.received(), time.perf_counter()
        stage.flood(target, flows, 0, ARRIVALS_SECONDS)
        rate = (stage.received() - before) / (time.perf_counter() - began)
        yield Line(f"{name}-arrivals", f"packets forwarded, of {flows:,} flows", (rate,), "1/s")
