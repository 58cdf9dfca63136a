# SPDX-License-Identifier: Apache-2.0
"""The connection table, crowded and shared: live flows are found, dead ones not, and the counts add up."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from director.model import ForwardingMethod, Persistence, Timeouts
from tests.native.build import HERE, SANITIZERS, compile_program
from tests.native.tape import FRAME, arrival_bytes, images, record
from tests.needs import needs
from tests.packets.case import Arrival
from tests.packets.frames import udp, udp_reply
from tests.packets.network import INSIDE, ONE, OUTSIDE, names, setting
from tests.packets.steering import Steering

LIFE = 7  # seconds, as table_test.c says
pytestmark = needs("gcc", "asan")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("native") / "table_test"
    return compile_program(target, HERE / "table_test.c", HERE / "tape.c", flags=SANITIZERS)


def script(
    tmp_path: Path, method: ForwardingMethod = ForwardingMethod.NAT, persistence: Persistence | None = None
) -> Path:
    """Write an image with one destination, a question and its answer."""
    service = replace(names(method), persistence=persistence)
    given = setting(service, timeouts=Timeouts(udp=LIFE))
    frames = (Arrival(OUTSIDE, bytes(udp())), Arrival(INSIDE, bytes(udp_reply(ONE))))
    path = tmp_path / "flow.tape"
    path.write_bytes(
        b"".join((*images(Steering(), given), *(record(FRAME, arrival_bytes(frame, 0)) for frame in frames)))
    )
    return path


@pytest.mark.parametrize("how", ["alone", "together"])
def test_the_connection_table_keeps_what_lives_and_loses_what_is_dead(
    program: Path, tmp_path: Path, how: str
) -> None:
    run(program, how, script(tmp_path))


def test_templates_are_lost_when_no_connection_holds_them(program: Path, tmp_path: Path) -> None:
    run(program, "persistent", script(tmp_path, ForwardingMethod.DR, Persistence(2)))


def run(program: Path, how: str, script: Path) -> None:
    done = subprocess.run([program, how, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
