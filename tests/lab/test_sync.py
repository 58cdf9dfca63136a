# SPDX-License-Identifier: Apache-2.0
"""A director dies and another that was told of its connections goes on with them."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack

import pytest

from tests.lab.forwarding import eventually
from tests.lab.pair.scene import SERVERS, VIPS, Pair, Talk, pair, services
from tests.needs import needs

pytestmark = [
    pytest.mark.lab,
    needs("root", "netns", "veth", "bridge", "bpf", "clsact", "packet-socket"),
]

TALKS = (("ask", "dr"), ("listen", "dr"), ("ask", "nat"), ("listen", "nat"))


def told(place: Pair, name: str) -> dict[str, str]:
    """Return which server each client's connection has at a director."""
    answer = json.loads(place.node(name).output_of(("director", "connections", "--json")))
    return {each["client"]: each["destination"] for each in answer["connections"]}


@pytest.mark.parametrize("datapath", ["packet", "tc"])
def test_connections_go_on_when_the_director_is_killed(datapath: str) -> None:
    with pair() as place, ExitStack() as stack:
        first = place.director("one", datapath, "master", "backup")
        place.director("two", datapath, "master", "backup")
        place.give("one")
        talks: list[Talk] = [stack.enter_context(place.talking(*each)) for each in TALKS]
        here = told(place, "one")
        eventually(lambda: told(place, "two") == here, lambda: f"{told(place, 'two')} is not {here}")
        first.signal(signal.SIGKILL)
        place.unplug("one")
        place.give("two")
        for talk in talks:
            talk.goes_on()
        assert told(place, "two") == here


@pytest.mark.parametrize("datapath", ["packet", "tc"])
def test_a_persistent_client_keeps_its_server_when_the_director_is_killed(datapath: str) -> None:
    """By itself the second director would give it the other one: its list is the other way round."""
    held = "persistence = 300\n"
    turned = {method: servers[::-1] for method, servers in SERVERS.items()}
    with pair() as place, ExitStack() as stack:
        first = place.director("one", datapath, "master", "backup", has=services(held))
        place.director("two", datapath, "master", "backup", has=services(held, turned))
        place.give("one")
        talks = [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        here = templates(place, "one")
        assert sorted(here) == sorted(VIPS.values())
        eventually(lambda: templates(place, "two") == here, lambda: f"{templates(place, 'two')}: {here}")
        first.signal(signal.SIGKILL)
        place.unplug("one")
        place.give("two")
        talks += [stack.enter_context(place.talking("ask", method)) for method in SERVERS]
        for talk in talks:
            talk.goes_on()
        assert set(told(place, "two").values()) == set(here.values())


def templates(place: Pair, name: str) -> dict[str, str]:
    """Return which server the client of each VIP has at a director."""
    words = ("director", "connections", "--templates", "--json")
    answer = json.loads(place.node(name).output_of(words))
    found = (each for each in answer["connections"] if each["template"])
    return {each["virtual"].partition(":")[0]: each["destination"] for each in found}


def test_a_backup_that_is_no_more_leaves_packets_alone_until_it_gives_the_role_up() -> None:
    with pair() as place, ExitStack() as stack:
        first = place.director("one", "packet", "master")
        place.director("two", "packet", "backup", more="[sysctl]\nbackup_only = 1\n")
        place.give("one")
        talks = [stack.enter_context(place.talking(*each)) for each in TALKS]
        here = told(place, "one")
        eventually(lambda: told(place, "two") == here, lambda: f"{told(place, 'two')} is not {here}")
        resting = interfaces(place, "two")
        first.signal(signal.SIGKILL)
        place.unplug("one")
        place.node("two").output_of(("director", "sync", "stop", "backup"))
        place.give("two")
        for talk in talks:
            talk.goes_on()
        assert (resting, interfaces(place, "two")) == (set(), {"lan", "inside"})


def interfaces(place: Pair, name: str) -> set[str]:
    """Name the interfaces on which a director forwards."""
    status = json.loads(place.node(name).output_of(("director", "status", "--json")))
    return {each["name"] for each in status["interfaces"]}
