# SPDX-License-Identifier: Apache-2.0
"""Roles of synchronisation begun, shown and given up by requests."""

from __future__ import annotations

import pytest

from director.config.errors import Fault
from director.control.client import RefusedError
from director.model.sync import SyncDaemon, SyncRole
from tests.unit.control.running import Running

MASTER = SyncDaemon(SyncRole.MASTER, "eth1", syncid=7, ttl=2)
SHOWN = {
    "role": "master",
    "interface": "eth1",
    "syncid": 7,
    "maxlen": 1472,
    "group": "224.0.0.81",
    "port": 8848,
    "ttl": 2,
    "why_not": None,
    "datagrams": 3,
    "entries": 40,
    "dropped": 1,
    "unknown": 2,
    "waiting": 4,
}


def refusal(error: pytest.ExceptionInfo[RefusedError]) -> tuple[int, Fault]:
    (fault,) = error.value.faults
    return error.value.status, fault


def test_a_role_is_begun_and_shown(server: Running) -> None:
    changed = server.client.put("/v1/sync/master", {"interface": "eth1", "syncid": 7, "ttl": 2})
    text = "+ sync master interface eth1 syncid 7 group 224.0.0.81:8848 ttl 2 maxlen 1472"
    assert changed == {"changes": [{"kind": "sync-added", "text": text, "needs_restart": False}]}
    assert server.director.current.sync == (MASTER,)
    assert server.client.get("/v1/sync") == {"sync": [SHOWN]}


def test_a_role_is_changed_and_the_master_stands_first(server: Running) -> None:
    server.client.put("/v1/sync/backup", {"interface": "eth1"})
    server.client.put("/v1/sync/master", {"interface": "eth1"})
    server.client.put("/v1/sync/backup", {"interface": "eth2", "group": "ff02::51", "port": 9000})
    assert [
        (each["role"], each["interface"], each["group"]) for each in server.client.get("/v1/sync")["sync"]
    ] == [
        ("master", "eth1", "224.0.0.81"),
        ("backup", "eth2", "ff02::51"),
    ]


def test_a_role_is_given_up_once(server: Running) -> None:
    server.client.put("/v1/sync/master", {"interface": "eth1"})
    (change,) = server.client.delete("/v1/sync/master")["changes"]
    assert (change["kind"], server.client.get("/v1/sync")) == ("sync-removed", {"sync": []})
    with pytest.raises(RefusedError) as caught:
        server.client.delete("/v1/sync/master")
    assert refusal(caught) == (
        404,
        Fault("", "master", "a role that it has", "no such sync daemon: master"),
    )


def test_what_the_machine_can_not_serve_is_refused_and_not_begun(server: Running) -> None:
    server.director.why_not_synced = "there is no interface eth9"
    with pytest.raises(RefusedError) as caught:
        server.client.put("/v1/sync/master", {"interface": "eth9"})
    status, fault = refusal(caught)
    assert (status, str(fault)) == (400, "interface: there is no interface eth9")
    assert server.director.applied == []


@pytest.mark.parametrize(
    ("path", "values", "sentence"),
    [
        ("/v1/sync/slave", {"interface": "eth1"}, 'role: "slave" is not one of master, backup'),
        ("/v1/sync/master", {}, "interface: missing; expected an interface name of at most 15 characters"),
        ("/v1/sync/master", {"interface": "eth1", "syncid": 256}, "syncid: 256 is above 255"),
        (
            "/v1/sync/master",
            {"interface": "eth1", "group": "10.0.0.1"},
            'group: "10.0.0.1" is not a multicast address such as 224.0.0.81',
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    server: Running, path: str, values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        server.client.put(path, values)
    assert str(caught.value) == sentence
