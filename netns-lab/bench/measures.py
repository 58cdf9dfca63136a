# SPDX-License-Identifier: Apache-2.0
"""What is measured: each measure takes one sample on a stage and returns values by quantity.

Clients are real programs (wrk, iperf3) and flood.c. Client, contender and server share the machine's cores:
at saturation a contender's cost is CPU time per request, at part load it is time that is not left (spare.c).
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.contenders import DIRECT, Carries, Contender, Replies
from bench.readings import busy_seconds, iperf_gigabits, parse_pair, parse_wrk
from bench.samples import Better, Quantity
from bench.scene import BULK
from bench.stage import Stage, workers
from bench.tools import spare_rate
from lab import LabError

CONNECTIONS = 32  # of wrk at saturation
FEW, MANY = 1_000, 50_000  # flows of a flood
TOLERATED_LOSS = 0.02  # where nothing has to be lost: more, and the work was not done that is charged for
ATTEMPTS = 3
SETTLE_DEADLINE = 2.0
WARM_UP = 0.1  # seconds of frames, or as many as the generator makes at least: each flow has several
MARGIN = 0.15  # seconds that a flood runs before and after the time in which the spare time is counted


@dataclass(frozen=True, slots=True)
class Effort:
    """How long each sample runs, and the pace of paced floods in packets a second."""

    seconds: int
    pace: int


Take = Callable[[Stage, Effort], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: its quantities, how it is taken, and of whom."""

    name: str
    quantities: tuple[Quantity, ...]
    take: Take
    suits: Callable[[Contender], bool]


def _wrk(stage: Stage, effort: Effort, connections: int, *header: str) -> dict[str, float]:
    threads = min(workers(), connections)
    command = (
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{effort.seconds}s",
        "--latency",
        *header,
        stage.url,
    )
    before = busy_seconds()
    said = parse_wrk(stage.client.output_of(command, timeout=effort.seconds + 20))
    busy = busy_seconds() - before
    if said.requests == 0 or said.failed > said.requests / 100:
        raise LabError(f"{said.failed} of {said.requests} requests failed")
    return {
        "rate": said.requests / said.seconds,
        "cpu": busy / said.requests * 1e6,
        "p50": said.p50,
        "p99": said.p99,
    }


def take_keepalive(stage: Stage, effort: Effort) -> dict[str, float]:
    """Ask as fast as answers come, over connections that stay."""
    said = _wrk(stage, effort, CONNECTIONS)
    return {"keepalive": said["rate"], "keepalive-cpu": said["cpu"]}


def take_connections(stage: Stage, effort: Effort) -> dict[str, float]:
    """Ask as fast as answers come, each request over a connection of its own."""
    said = _wrk(stage, effort, CONNECTIONS, "-H", "Connection: close")
    return {"connections": said["rate"], "connections-cpu": said["cpu"]}


def take_latency(stage: Stage, effort: Effort) -> dict[str, float]:
    """Ask one thing at a time, over one connection that stays."""
    said = _wrk(stage, effort, 1)
    return {"latency-p50": said["p50"], "latency-p99": said["p99"]}


def _bulk(stage: Stage, effort: Effort, *direction: str) -> float:
    command = ("iperf3", "-c", stage.target, "-p", str(BULK), "-t", str(effort.seconds), "-J", *direction)
    with stage.start_bulk_server():
        return iperf_gigabits(stage.client.output_of(command, timeout=effort.seconds + 20))


def take_upload(stage: Stage, effort: Effort) -> dict[str, float]:
    """Send one TCP stream to the server: it passes the director in every method."""
    return {"upload": _bulk(stage, effort)}


def take_download(stage: Stage, effort: Effort) -> dict[str, float]:
    """Have the server send one TCP stream: it passes the director only where replies do."""
    return {"download": _bulk(stage, effort, "--reverse")}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a flood: packets a second at the server, and the share that was lost."""

    rate: float
    loss: float


def _flood(stage: Stage, flows: int, pace: float, seconds: float) -> Delivery:
    return _delivery(stage, stage.flood_command(flows, pace, seconds), seconds)


def _delivery(stage: Stage, generator: tuple[str, ...], seconds: float) -> Delivery:
    before = stage.received()
    said = stage.client.output_of(generator, timeout=seconds + 20)
    sent, took = parse_pair(said)
    received = _settled(stage) - before
    return Delivery(received / took, 1 - received / sent)


def _settled(stage: Stage) -> int:
    """Count what arrived once nothing more does."""
    deadline, seen = time.monotonic() + SETTLE_DEADLINE, stage.received()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        last, seen = seen, stage.received()
        if last == seen:
            break
    return seen


def _warm_up(stage: Stage, effort: Effort, flows: int) -> None:
    """Open the sink and send each flow's first packets."""
    stage.open_sink()
    _flood(stage, flows, effort.pace, 0.2 + flows / effort.pace)


def _take_packets(quantity: str, flows: int) -> Take:
    def take(stage: Stage, effort: Effort) -> dict[str, float]:
        _warm_up(stage, effort, flows)
        return {quantity: _flood(stage, flows, 0, effort.seconds).rate / 1e3}

    return take


def take_one_core(stage: Stage, effort: Effort) -> dict[str, float]:
    """Have one core make frames and do all that becomes of them, until the last leg drops them.

    Nothing is lost so, unless another core has taken a queue over in between: such a sample says nothing.
    """
    stage.open_driver_sink()
    _injected(stage, WARM_UP)
    for _ in range(ATTEMPTS):
        delivered = _injected(stage, effort.seconds)
        if delivered.loss <= TOLERATED_LOSS:
            return {"one-core": delivered.rate / 1e3}
    raise LabError(f"{delivered.loss:.0%} of what one core has made was lost, {ATTEMPTS} times")


def _injected(stage: Stage, seconds: float) -> Delivery:
    return _delivery(stage, stage.inject_command(MANY, seconds), seconds)


def _take_cost(quantity: str, flows: int) -> Take:
    def take(stage: Stage, effort: Effort) -> dict[str, float]:
        _warm_up(stage, effort, flows)
        seconds = effort.seconds + 2 * MARGIN
        rest_before = spare_rate(stage.tools, effort.seconds / 2)
        with ThreadPoolExecutor(1) as threads:
            flood = threads.submit(_flood, stage, flows, effort.pace, seconds)
            time.sleep(MARGIN)
            loaded = spare_rate(stage.tools, effort.seconds)
            delivered = flood.result()
        rest_after = spare_rate(stage.tools, effort.seconds / 2)
        if delivered.loss > TOLERATED_LOSS:
            raise LabError(f"{delivered.loss:.0%} of a paced flood was lost (try a lower --pace)")
        at_rest = (rest_before.rate + rest_after.rate) / 2
        return {quantity: (1 - loaded.rate / at_rest) * loaded.cores / delivered.rate * 1e9}

    return take


def carries_packets(contender: Contender) -> bool:
    return contender.carries is Carries.PACKETS


def fits_one_core(contender: Contender) -> bool:
    return contender.in_kernel and contender.carries is not Carries.CONNECTIONS


def sends_on(contender: Contender) -> bool:
    return contender.carries is not Carries.BACK


def carries_download(contender: Contender) -> bool:
    return sends_on(contender) and (contender.replies is Replies.PASS or not contender.is_director)


def _packets(name: str, flows: int) -> Measure:
    title = f"64-byte UDP, {flows:,} flows: packets delivered of a flood"
    quantity = Quantity(name, title, "kpps", Better.MORE)
    return Measure(name, (quantity,), _take_packets(name, flows), carries_packets)


def _cost(name: str, flows: int) -> Measure:
    title = f"64-byte UDP, {flows:,} flows: marginal CPU time per packet"
    quantity = Quantity(name, title, "ns", Better.LESS, marginal_to=DIRECT)
    return Measure(name, (quantity,), _take_cost(name, flows), carries_packets)


MEASURES = (
    Measure(
        "keepalive",
        (
            Quantity("keepalive", "HTTP, keep-alive: requests", "requests/s", Better.MORE),
            Quantity("keepalive-cpu", "HTTP, keep-alive: machine CPU per request", "µs", Better.LESS, 1),
        ),
        take_keepalive,
        sends_on,
    ),
    Measure(
        "connections",
        (
            Quantity("connections", "HTTP, a connection per request", "connections/s", Better.MORE),
            Quantity("connections-cpu", "HTTP, a connection per request: machine CPU", "µs", Better.LESS, 1),
        ),
        take_connections,
        sends_on,
    ),
    Measure(
        "latency",
        (
            Quantity("latency-p50", "HTTP, one request at a time: median latency", "µs", Better.LESS),
            Quantity("latency-p99", "HTTP, one request at a time: 99 % are below", "µs", Better.LESS),
        ),
        take_latency,
        sends_on,
    ),
    Measure(
        "upload",
        (Quantity("upload", "Bulk TCP, client to server, one stream", "Gbit/s", Better.MORE, 1),),
        take_upload,
        sends_on,
    ),
    Measure(
        "download",
        (Quantity("download", "Bulk TCP, server to client, one stream", "Gbit/s", Better.MORE, 1),),
        take_download,
        carries_download,
    ),
    _packets("packets", FEW),
    Measure(
        "one-core",
        (
            Quantity(
                "one-core", f"64-byte UDP, {MANY:,} flows, one core does it all: packets", "kpps", Better.MORE
            ),
        ),
        take_one_core,
        fits_one_core,
    ),
    _cost("cost", FEW),
    _cost("cost-many", MANY),
)
BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}
