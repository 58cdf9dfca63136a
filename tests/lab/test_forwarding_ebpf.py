# SPDX-License-Identifier: Apache-2.0
"""The programs in the kernel forward as the packet sockets do, and nothing stays of them.

What is tested of every data path in the same way stands in the other test_forwarding_*.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.plan import namespace_name
from tests.lab.digest_server import content, digest
from tests.lab.forwarding import NEEDS, Stage, configuration, stage
from tests.lab.test_forwarding_bulk import METHODS, download, upload
from tests.lab.test_forwarding_changes import CLOSE, assert_no_error, load
from tests.lab.test_forwarding_crash import end, traces
from tests.lab.test_forwarding_stack import CALL
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ethtool", "wrk", "ping")]

SIZE = 20_000_000
ALL_LEFT = {"address", "clsact", "filter", "socket"}


@pytest.fixture(scope="module")
def tc() -> Iterator[Stage]:
    with stage("mixed", datapath="tc") as it:
        (it.client.run_directory / str(SIZE)).write_bytes(content(SIZE))
        it.client.output_of(("sysctl", "-qw", "net.ipv4.ip_local_port_range=30000 65535"))
        yield it


@pytest.fixture(scope="module")
def xdp() -> Iterator[Stage]:
    with stage("mixed", datapath="tc") as before:
        fill_checksums_in(before)
        let_ports_poll(before)
        end(before, signal.SIGTERM)
        it = replace(before, datapath="xdp")
        it.start()
        yield it


def fill_checksums_in(it: Stage) -> None:
    """Let no sender leave checksums to hardware that veth has not."""
    for node in (it.client, *it.servers):
        for leg in node.noun.interfaces:
            node.output_of(("ethtool", "-K", leg.name, "tx", "off"))


def let_ports_poll(it: Stage) -> None:
    """Have the peers of the director's interfaces, ports of the lab's bridges, take what XDP sends."""
    for leg in it.lab.node("director").noun.interfaces:
        bridge = ("ip", "netns", "exec", namespace_name(it.lab.name, leg.name))
        for link in json.loads(output_of(*bridge, "ip", "-j", "link", "show", "type", "veth")):
            output_of(*bridge, "ethtool", "-K", link["ifname"], "gro", "on")


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def carriage(it: Stage) -> list[tuple[str, str, str]]:
    interfaces = json.loads(it.director("status", "--json"))["interfaces"]
    return [(one["name"], one["datapath"], one["why"]) for one in interfaces]


def test_the_status_says_what_carries_each_interface(tc: Stage) -> None:
    assert sorted(carriage(tc)) == [("inside", "tc", "asked for"), ("lan", "tc", "asked for")]


@pytest.mark.parametrize("method", METHODS)
def test_tc_gives_each_server_its_share(tc: Stage, method: str) -> None:
    vip = tc.way(method).vip
    wanted = {"rs1": 30, "rs2": 20, "rs3": 10}
    assert (tc.curl(vip, 60), tc.dig(vip, 60)) == (wanted, wanted)


@pytest.mark.parametrize("method", METHODS)
def test_twenty_megabytes_pass_tc_both_ways(tc: Stage, method: str) -> None:
    assert upload(tc, method, SIZE) == digest(SIZE)
    assert download(tc, method, SIZE) == digest(SIZE)


@pytest.mark.parametrize("method", METHODS)
def test_the_local_stack_has_everything_else_on_the_vip(tc: Stage, method: str) -> None:
    vip = tc.way(method).vip
    assert tc.client.run(("ping", "-q", "-c", "2", "-i", "0.1", "-W", "2", vip)).returncode == 0
    refused = tc.client.run(("python3", "-c", CALL, vip, "2223"))
    assert refused.stderr.splitlines()[-1] == "ConnectionRefusedError: [Errno 111] Connection refused"


@pytest.mark.parametrize("method", METHODS)
def test_configurations_that_tc_is_given_under_load_fail_no_request(tc: Stage, method: str) -> None:
    with load(tc, tc.way(method), mode=CLOSE) as wrk:
        for scheduler in ("wlc", "mh", "wrr"):
            tc.apply(configuration(tc.ways, scheduler=scheduler))
        assert_no_error(wrk)


@pytest.mark.parametrize("fixture", ["tc", "xdp"])
def test_a_stopped_director_leaves_no_program(request: pytest.FixtureRequest, fixture: str) -> None:
    it = request.getfixturevalue(fixture)
    standing = traces(it), programs(it)
    end(it, signal.SIGTERM)
    gone = traces(it), programs(it)
    it.start()
    there = {"xdp"} if fixture == "xdp" else set()
    assert (standing, gone) == ((ALL_LEFT, there), (set(), set()))


@pytest.mark.parametrize("fixture", ["tc", "xdp"])
def test_cleanup_removes_what_a_killed_director_left(request: pytest.FixtureRequest, fixture: str) -> None:
    it = request.getfixturevalue(fixture)
    end(it, signal.SIGKILL)
    left = traces(it)
    said = it.director("cleanup")
    gone = traces(it), programs(it)
    it.start()
    name = "director-tc" if fixture == "tc" else "director-guard"
    assert f"removed the filter {name} from lan" in said
    assert (left, gone) == (ALL_LEFT, (set(), set()))
    assert it.curl(it.way("dr").vip, 6) == {"rs1": 3, "rs2": 2, "rs3": 1}


def programs(it: Stage) -> set[str]:
    """Name what `ip` knows of XDP programs on the director's interfaces."""
    links = json.loads(it.lab.node("director").output_of(("ip", "-j", "link", "show")))
    return {"xdp" for link in links if "xdp" in link}


def test_a_director_on_xdp_warns_of_senders_that_leave_checksums_out(xdp: Stage) -> None:
    said = xdp.directors[-1].log.read_text()
    warned = re.findall(r"interface may forward wrong frames.* interface=(\w+)", said)
    assert set(warned) == {"inside", "lan"}


@pytest.mark.parametrize("method", METHODS)
def test_xdp_gives_each_server_its_share(xdp: Stage, method: str) -> None:
    vip = xdp.way(method).vip
    wanted = {"rs1": 30, "rs2": 20, "rs3": 10}
    assert xdp.carried_by() == {"xdp"}
    assert (xdp.curl(vip, 60), xdp.dig(vip, 60)) == (wanted, wanted)
