# SPDX-License-Identifier: Apache-2.0
"""`director sync` against a control server that listens."""

from __future__ import annotations

import json

from netaddr import IPAddress

from director.model.sync import SyncDaemon, SyncRole
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector

HEADINGS = [
    *("ROLE", "INTERFACE", "SYNCID", "GROUP", "PORT", "DATAGRAMS", "ENTRIES"),
    *("DROPPED", "UNKNOWN", "WAITING", "STATE"),
]


def test_a_role_is_begun_with_all_its_options(director: StoppableDirector, run: Run) -> None:
    options = ("--syncid", "9", "--maxlen", "1400", "--group", "224.0.0.82", "--port", "9000", "--ttl", "3")
    result = run("sync", "start", "backup", "--interface", "eth1", *options)
    assert result.output == "+ sync backup interface eth1 syncid 9 group 224.0.0.82:9000 ttl 3 maxlen 1400\n"
    wanted = SyncDaemon(SyncRole.BACKUP, "eth1", 9, 1400, IPAddress("224.0.0.82"), 9000, 3)
    assert director.current.sync == (wanted,)


def test_roles_are_shown(director: StoppableDirector, run: Run) -> None:
    run("sync", "start", "master", "--interface", "eth1", "--syncid", "7")
    lines = run("sync", "show").output.splitlines()
    assert [line.split() for line in lines] == [
        HEADINGS,
        ["master", "eth1", "7", "224.0.0.81", "8848", "3", "40", "1", "2", "4", "running"],
    ]
    (shown,) = json.loads(run("sync", "show", "--json").output)["sync"]
    assert (shown["role"], shown["why_not"]) == ("master", None)


def test_a_role_is_given_up(director: StoppableDirector, run: Run) -> None:
    run("sync", "start", "master", "--interface", "eth1")
    stopped = run("sync", "stop", "master")
    assert stopped.output == "- sync master interface eth1 syncid 0 group 224.0.0.81:8848 ttl 1 maxlen 1472\n"
    assert director.current.sync == ()


def test_what_is_refused_is_said(director: StoppableDirector, run: Run) -> None:
    director.why_not_synced = "there is no interface eth9"
    result = run("sync", "start", "master", "--interface", "eth9")
    assert (result.exit_code, result.stderr) == (1, "interface: there is no interface eth9\n")
