# SPDX-License-Identifier: Apache-2.0
"""The clients: curl, wrk and dig, run in the client's node, and what they say about each answer.

Each request is a connection (or, for DNS, a port) of its own, so that each is scheduled by itself. What
counts as answered is decided here, from the client's own output: who answered, and with which status.
"""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.cast import QUESTION, Application, Service
from lab import RunningNode

Progress = Callable[[float], None]  # told how much is done, as a fraction

CURL_REQUESTS = 600
DIG_REQUESTS = 300
WRK_SECONDS = 2
WRK_MOST = 15_000  # answers, then wrk stops: a port taken twice would keep the server it had
PORTS = "1024 65535"  # that a client may take, so that it has enough; it takes every other one
WRK_CONNECTIONS = 16
PATIENCE = 30.0  # seconds for one client to be done with all its requests
COUNT_SCRIPT = Path(__file__).parent / "count.lua"
QUESTIONS = "questions"  # a file in the client's /run


@dataclass(frozen=True, slots=True)
class Asked:
    """What one client asked of one service, and got. `lost` are requests without an answer."""

    client: str
    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # answered with another status than 200
    lost: int = 0
    seconds: float = 0.0


def ask(node: RunningNode, service: Service) -> tuple[tuple[str, Callable[[Progress], Asked]], ...]:
    """Say which clients there are for a service: the name and what to call for each."""
    if service.application is Application.DNS:
        return (("dig", lambda progress: dig(node, service, progress)),)
    return (
        ("curl", lambda progress: curl(node, service, progress)),
        ("wrk", lambda progress: wrk(node, service, progress)),
    )


def curl(node: RunningNode, service: Service, progress: Progress) -> Asked:
    """Ask one after the other."""
    command = (
        "curl", "-sS", "--fail-early", "--max-time", "3", "-H", "Connection: close", "-o", "/dev/null",
        "-w", "answer %{http_code} %header{x-served-by}\n", f"http://{service.vip}/?curl=[1-{CURL_REQUESTS}]",
    )  # fmt: skip
    started = time.monotonic()
    answers = [
        found for line in lines(node, command, CURL_REQUESTS, progress) if (found := curl_answer(line))
    ]
    return _counted("curl", answers, CURL_REQUESTS, time.monotonic() - started)


def curl_answer(line: str) -> tuple[str, str] | None:
    """Read who answered, and the status, from a line of curl's; None when nobody did."""
    words = line.split()
    return (words[2], words[1]) if len(words) == 3 and words[0] == "answer" else None


def dig(node: RunningNode, service: Service, progress: Progress) -> Asked:
    """Ask one after the other, each from a port of its own."""
    (node.run_directory / QUESTIONS).write_text(f"{QUESTION}\n" * DIG_REQUESTS)
    command = ("dig", "+short", "+tries=1", "+time=2", f"@{service.vip}", "-f", f"/run/{QUESTIONS}")
    started = time.monotonic()
    answers = [found for line in lines(node, command, DIG_REQUESTS, progress) if (found := dig_answer(line))]
    return _counted("dig", answers, DIG_REQUESTS, time.monotonic() - started)


def dig_answer(line: str) -> tuple[str, str] | None:
    """Read who answered from a line of dig's, a quoted text; None when the line says something else."""
    text = line.strip()
    return (text.strip('"'), "200") if len(text) > 2 and text[0] == text[-1] == '"' else None


def _counted(client: str, answers: Sequence[tuple[str, str]], wanted: int, seconds: float) -> Asked:
    answered = Counter(who for who, status in answers if status == "200")
    refused = Counter(who for who, status in answers if status != "200")
    return Asked(client, answered, refused, wanted - len(answers), seconds)


def wrk(node: RunningNode, service: Service, progress: Progress) -> Asked:
    """Ask with many connections at once, for a time; what is under way when it is over is not counted."""
    command = (
        "wrk", "-t1", f"-c{WRK_CONNECTIONS}", f"-d{WRK_SECONDS}", "--timeout", "2", "-H", "Connection: close",
        "-s", str(COUNT_SCRIPT), f"http://{service.vip}/?wrk", "--", str(WRK_MOST),
    )  # fmt: skip
    node.output_of(("sysctl", "-qw", f"net.ipv4.ip_local_port_range={PORTS}"))
    with _running(node, command) as process:
        started = time.monotonic()
        while process.poll() is None:
            progress(min((time.monotonic() - started) / WRK_SECONDS, 1.0))
            time.sleep(0.05)
        assert process.stdout is not None
        return wrk_answers(process.stdout.read())


def wrk_answers(said: str) -> Asked:
    """Read what count.lua printed."""
    answered: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    totals = {"lost": 0, "microseconds": 0}
    for words in (line.split() for line in said.splitlines()):
        if len(words) == 4 and words[0] == "answers":
            (answered if words[3] == "200" else refused)[words[2]] += int(words[1])
        elif len(words) == 2 and words[0] in totals:
            totals[words[0]] = int(words[1])
    lost = totals["lost"] or int(not answered)  # a wrk that could not even start has lost one at least
    return Asked("wrk", answered, refused, lost, totals["microseconds"] / 1e6)


def lines(node: RunningNode, command: Sequence[str], wanted: int, progress: Progress) -> Iterator[str]:
    """Run a client and hand on its lines as they come."""
    with _running(node, command) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout, 1):
            progress(min(number / wanted, 1.0))
            yield line


@contextmanager
def _running(node: RunningNode, command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a client, for as long as the patience lasts and the caller stays."""
    process = subprocess.Popen(
        node.command(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(PATIENCE, _kill, (process,))
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        _kill(process)
        process.communicate()


def _kill(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
