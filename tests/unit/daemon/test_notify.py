# SPDX-License-Identifier: Apache-2.0
"""What the service manager hears."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from director.daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@director-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(5)
        yield listener, name


def test_the_manager_hears_each_turn_of_our_life(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name}, os.getpid())
    for say in (lambda: notifier.ready("2 services"), notifier.reloading, notifier.alive, notifier.stopping):
        say()
    heard = [listener.recv(4096).decode() for _ in range(4)]
    heard[1] = re.sub(r"\d{3,}", "NOW", heard[1])
    assert heard == [
        f"READY=1\nSTATUS=2 services\nMAINPID={os.getpid()}",
        "RELOADING=1\nMONOTONIC_USEC=NOW",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


ENVIRONMENTS = {
    "no manager": ({}, Notifier(None, None)),
    "a watchdog": ({"WATCHDOG_USEC": "3000000"}, Notifier(None, 3.0)),
    "a watchdog for us": ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, Notifier(None, 3.0)),
    "a watchdog for another": ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, Notifier(None, None)),
    "a watchdog that is off": ({"WATCHDOG_USEC": "0"}, Notifier(None, None)),
    "nonsense": ({"WATCHDOG_USEC": "soon", "NOTIFY_SOCKET": ""}, Notifier(None, None)),
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_the_environment_says_where_and_how_often(case: str) -> None:
    environment, wanted = ENVIRONMENTS[case]
    assert Notifier.from_environment(environment, pid=7) == wanted


def test_a_manager_that_went_away_is_no_reason_to_fail(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nobody"), None).stopping()
    Notifier(None, None).stopping()
