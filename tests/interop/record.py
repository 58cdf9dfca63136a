# SPDX-License-Identifier: Apache-2.0
"""Ask a real kernel and write its answers down: `python -m tests.interop.record [TOPIC]...`

Boots Debian's User-Mode Linux, an ordinary process whose root file system is the host's, with guest.py
as its init. Not part of the test suite: it needs packages that the suite does not, and a recording
changes only when an exchange or the kernel does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.interop import recording
from tests.interop.exchange import Exchange, Inject
from tests.interop.guard import Owner, has_local_node, owner
from tests.interop.lab import ENDS, MODULES, network
from tests.interop.orders import commands
from tests.interop.topics import TOPICS

GUEST = Path(__file__).parent / "guest.py"
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "modprobe": "kmod",
    "ipvsadm": "ipvsadm",
    "ip": "iproute2",
    "ethtool": "ethtool",
}
MINUTES = 40
STACK_AT_ONCE = 100  # frames


class RecordingError(Exception):
    """The machine lacks something, or the guest did not do as it was told."""


def main(topics: tuple[str, ...]) -> None:
    refuse_without_programs()
    wanted = {topic: TOPICS[topic] for topic in topics or TOPICS}
    exchanges = [exchange for each in wanted.values() for exchange in each]
    frames = stack_frames(exchange for each in TOPICS.values() for exchange in each)
    job = {
        "modules": MODULES,
        "network": network(addresses([each for some in TOPICS.values() for each in some])),
        "exchanges": [*map(described, exchanges), *map(bare, chunks(tuple(frames.values())))],
    }
    kernel, said = ask(job)
    failed = [f"{name}: {each['error']}" for name, each in said.items() if "error" in each]
    for topic, each in wanted.items():
        if any("error" in said[exchange.name] for exchange in each):
            continue
        rows = ((exchange.name, answered(exchange, said)) for exchange in each)
        print(recording.write(topic, kernel, rows))
    answers = [
        answer["out"]
        for name in sorted(said)
        if name.startswith("stack ")
        for answer in said[name]["answers"]
    ]
    print(recording.write(recording.STACK, kernel, zip(frames, answers, strict=True)))
    if failed:
        raise RecordingError("\n".join(failed))


def addresses(exchanges: list[Exchange]) -> tuple[str, ...]:
    settings = {id(setting): setting for exchange in exchanges for setting in exchange.settings()}
    services = (service for setting in settings.values() for service in setting.configuration.services)
    return tuple(sorted({str(service.key.address) for service in services if not service.key.mark}))


def described(exchange: Exchange) -> dict[str, Any]:
    current = exchange.setting
    steps = [commands(None, current)]
    for step in exchange.steps:
        if isinstance(step, Inject):
            steps.append(sent(step))
        else:
            steps.append(commands(current, step.setting))
            current = step.setting
    return {"name": exchange.name, "ipvs": True, "steps": steps}


def sent(step: Inject) -> dict[str, str]:
    return {"end": ENDS[step.interface], "frame": step.frame.hex()}


def stack_frames(exchanges: Iterator[Exchange]) -> Mapping[str, Inject]:
    """Collect the frames that are the host's own, or may be since a destination is the host itself."""
    return {
        step.digest: step
        for exchange in exchanges
        for setting, step in exchange.injections()
        if owner(step.frame, setting) is Owner.STACK or has_local_node(setting)
    }


def chunks(frames: tuple[Inject, ...]) -> Iterator[tuple[int, tuple[Inject, ...]]]:
    for number in range(0, len(frames), STACK_AT_ONCE):
        yield number, frames[number : number + STACK_AT_ONCE]


def bare(chunk: tuple[int, tuple[Inject, ...]]) -> dict[str, Any]:
    """Describe frames that go to a host without any service."""
    number, frames = chunk
    return {"name": f"stack {number:06}", "ipvs": False, "steps": [sent(frame) for frame in frames]}


def answered(exchange: Exchange, said: Mapping[str, Any]) -> dict[str, Any]:
    answer = said[exchange.name]
    steps = [step for _, step in exchange.injections()]
    answers = recording.compact(answer["answers"], (step.frame for step in steps))
    named = [{"in": step.digest, **each} for step, each in zip(steps, answers, strict=True)]
    return {"answers": named, "counters": answer["counters"]}


def ask(job: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Boot a guest with this job; return its kernel's release and what it said, by name.

    A job's `abreast` is how many exchanges are walked through at the same time.
    """
    with tempfile.TemporaryDirectory(prefix="interop-") as directory:
        room = Path(directory)
        (room / "answers").mkdir()
        (room / "job.json").write_text(json.dumps({"abreast": 1} | job))
        boot(room, GUEST)
        if (room / "error").exists():
            raise RecordingError((room / "error").read_text())
        said = [json.loads(path.read_text()) for path in (room / "answers").iterdir()]
        if len(said) != len(job["exchanges"]):
            raise RecordingError(f"{len(said)} answers to {len(job['exchanges'])} exchanges")
        return (room / "release").read_text(), {each["name"]: each for each in said}


def boot(room: Path, init: Path) -> None:
    """Run a guest with this init and room, until it powers itself off."""
    command = ("linux.uml", *options(room, init))
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60 * MINUTES, check=False)
    except subprocess.TimeoutExpired as error:
        raise RecordingError(f"the guest was not done in {MINUTES} minutes") from error


def options(room: Path, init: Path) -> tuple[str, ...]:
    """Say how a guest is booted that has this room and init, and the host's root."""
    root = ("rootfstype=hostfs", "rootflags=/", "rw", f"init={init}")
    consoles = ("con=null", "con0=null,fd:1", "quiet")
    return (*root, "mem=512M", *consoles, f"INTEROP_ROOM={room}", f"uml_dir={room}/uml/")


def refuse_without_programs() -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    lacking = sorted(
        {package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None}
    )
    if lacking:
        raise RecordingError(f"not installed here; try: apt-get install {' '.join(lacking)}")


if __name__ == "__main__":
    try:
        main(tuple(sys.argv[1:]))
    except RecordingError as error:
        sys.exit(f"record: {error}")
