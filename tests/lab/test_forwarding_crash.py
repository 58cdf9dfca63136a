# SPDX-License-Identifier: Apache-2.0
"""A director leaves nothing when it stops; after a kill, nothing that the next one does not put right."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.lab.forwarding import DATAPATHS, NEEDS, Stage, Venue, venue

pytestmark = [pytest.mark.lab, NEEDS]

VIP = "192.0.2.1"
ANSWERED = {"rs1": 3, "rs2": 2, "rs3": 1}
ON_THE_HOST = {"address", "clsact", "filter", "socket"}
FILTER = {"tc": "director-tc"}


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    with venue("one-arm-dr") as it:
        yield it


@pytest.fixture(scope="module", params=DATAPATHS)
def at_work(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with place.carried_by(request.param) as it:
        yield it


def test_a_director_that_is_told_to_stop_leaves_nothing(at_work: Stage) -> None:
    standing = traces(at_work)
    program = {"program"} if at_work.carried_by() == {"xdp"} else set()
    end(at_work, signal.SIGTERM)
    gone = traces(at_work)
    at_work.start()
    assert (standing, gone) == (ON_THE_HOST | program, set())
    assert at_work.curl(VIP, 6) == ANSWERED


def test_cleanup_removes_what_a_killed_director_left(at_work: Stage) -> None:
    """The program of `xdp` may be among it."""
    [datapath] = at_work.carried_by()
    end(at_work, signal.SIGKILL)
    left = traces(at_work)
    said = at_work.director("cleanup")
    gone = traces(at_work)
    again = at_work.director("cleanup")
    at_work.start()
    assert (left - {"program"}, gone) == (ON_THE_HOST, set())
    assert f"removed the filter {FILTER.get(datapath, 'director-guard')} from lan" in said
    assert "removed" not in again
    assert at_work.curl(VIP, 6) == ANSWERED


def test_a_director_that_starts_after_a_killed_one_puts_all_right(at_work: Stage) -> None:
    end(at_work, signal.SIGKILL)
    at_work.start()
    answered = at_work.curl(VIP, 6)
    filters = ingress_filters(at_work)
    end(at_work, signal.SIGTERM)
    gone = traces(at_work)
    at_work.start()
    assert (answered, len(filters), gone) == (ANSWERED, 1, set())


def test_cleanup_leaves_a_running_director_alone(at_work: Stage) -> None:
    done = at_work.lab.node("director").run(("director", "cleanup"))
    assert done.returncode == 1
    assert "a director is running" in done.stderr
    assert at_work.curl(VIP, 6) == ANSWERED


def test_a_second_director_on_the_same_interface_is_refused(at_work: Stage) -> None:
    command = ("director", "run", "--config", "/run/test.toml", "--socket", "/run/second.sock")
    assert at_work.lab.node("director").run(command).returncode == 1
    assert at_work.curl(VIP, 6) == ANSWERED


def end(at_work: Stage, order: signal.Signals) -> None:
    """End the running director."""
    at_work.end(order)


def traces(at_work: Stage) -> set[str]:
    """Name what stands of a director in its node."""
    node = at_work.lab.node("director")
    addresses = json.loads(node.output_of(("ip", "-j", "-4", "address", "show", "dev", "lan")))
    local = {one["local"] for one in addresses[0]["addr_info"]}
    found = {
        "address": VIP in local,
        "clsact": "clsact" in node.output_of(("tc", "qdisc", "show", "dev", "lan")),
        "filter": bool(ingress_filters(at_work)),
        "program": "xdp" in json.loads(node.output_of(("ip", "-j", "link", "show", "dev", "lan")))[0],
        "socket": (node.run_directory / "director" / "control.sock").exists(),
    }
    return {name for name, stands in found.items() if stands}


def ingress_filters(at_work: Stage) -> list[str]:
    """List the classifiers on the director's ingress, one line each."""
    said = at_work.lab.node("director").run(("tc", "filter", "show", "dev", "lan", "ingress")).stdout
    return [line for line in said.splitlines() if " handle " in line]
