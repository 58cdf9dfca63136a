# SPDX-License-Identifier: Apache-2.0
"""A director dies and another that was told of its connections goes on with them."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack

import pytest

from tests.lab.forwarding import eventually
from tests.lab.pair.scene import Pair, Talk, pair
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
