# SPDX-License-Identifier: Apache-2.0
"""In a node of a running lab: commands, programs, services, captures, and a room of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from netaddr import IPAddress

from lab import Lab, LabError, Services
from lab.processes import start_time
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bridge", "nginx", "dnsmasq", "curl", "dig")]

SERVE = """
import socket
server = socket.create_server(("10.0.0.1", 8000))
print("serving", flush=True)
server.accept()
"""
STRANGER = """
[segment.lan]
[node.rs1.interface.lan]
addresses = ["10.0.0.11/24"]
[node.rs1.service]
web = { kind = "nginx", listen = ["10.9.9.9:80"] }
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.up("one-arm-dr", f"t{os.getpid()}-node") as lab:
        yield lab


def test_a_client_reaches_a_server_across_the_router(lab: Lab) -> None:
    page = lab.node("client").output_of(("curl", "-sS", "http://10.0.0.13/"))
    entry = json.loads(lab.node("rs3").access_log("nginx").read_text().splitlines()[-1])
    assert (page, entry["client"], entry["server"], entry["request"]) == (
        "rs3\n",
        "198.51.100.10",
        "10.0.0.13",
        "GET / HTTP/1.1",
    )


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_name_server_answers_with_its_name(lab: Lab, transport: str) -> None:
    query = ("dig", transport, "+short", "@10.0.0.12", "whoami.lab", "TXT")
    assert lab.node("client").output_of(query) == '"rs2"\n'
    assert "from 198.51.100.10" in lab.node("rs2").access_log("dnsmasq").read_text()


def test_a_command_is_returned_with_its_status_and_output(lab: Lab) -> None:
    done = lab.node("rs1").run(
        ("sh", "-c", "cat; echo $WORD; echo error >&2; exit 3"), stdin="in\n", env={"WORD": "x"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\nx\n", "error\n")


def test_a_command_that_must_succeed_says_why_it_did_not(lab: Lab) -> None:
    with pytest.raises(LabError) as raised:
        lab.node("rs1").output_of(("sh", "-c", "echo no >&2; exit 3"))
    assert str(raised.value) == "rs1: sh -c echo no >&2; exit 3: exit status 3: no"


def test_a_command_that_takes_too_long_dies_with_its_children(lab: Lab, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        lab.node("rs1").run(("sh", "-c", f"sleep 1000 & echo $! > {note}; wait"), timeout=0.5)
    pid, deadline = int(note.read_text()), time.monotonic() + 5
    while start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert start_time(pid) is None


def test_a_node_has_interfaces_run_and_resolver_of_its_own(lab: Lab) -> None:
    (lab.node("rs1").run_directory / "mine").write_text("")
    seen = {
        name: lab.node(name).output_of(("sh", "-c", "ls /sys/class/net /run; cat /etc/resolv.conf")).split()
        for name in ("client", "rs1")
    }
    below_run = [lab.paths.root.relative_to("/run").parts[0]] if lab.paths.root.is_relative_to("/run") else []
    assert seen == {
        "client": ["/run:", *below_run, "/sys/class/net:", "lo", "wan"],
        "rs1": ["/run:", "mine", *below_run, "/sys/class/net:", "lan", "lo"],
    }


def test_a_command_runs_in_the_directory_of_its_caller(lab: Lab) -> None:
    assert lab.node("rs1").output_of(("pwd",)) == f"{Path.cwd()}\n"


def test_programs_beside_the_interpreter_are_found_in_a_node(lab: Lab) -> None:
    own, name = Path(sys.executable).parent, Path(sys.executable).name
    assert lab.node("rs1").output_of(("sh", "-c", f"command -v {name}")) == f"{own / name}\n"


def test_a_started_program_is_waited_for_and_stopped(lab: Lab) -> None:
    router = lab.node("router")
    process = router.start(("python3", "-c", SERVE), log="serve")
    router.wait_port("tcp", "10.0.0.1", 8000, deadline=10)
    assert process.is_running
    assert process.stop() == -15
    assert (process.is_running, process.log.read_text()) == (False, "serving\n")


def test_a_started_program_is_waited_for_until_it_ends(lab: Lab) -> None:
    process = lab.node("router").start(("sh", "-c", "echo done; exit 4"), log="short")
    assert (process.wait(timeout=10), process.tail(), process.stop()) == (4, "done", 4)


def test_waiting_for_a_port_that_nobody_opens_ends_in_a_sentence(lab: Lab) -> None:
    with pytest.raises(LabError) as raised:
        lab.node("router").wait_port("udp", "10.0.0.1", 8000, deadline=0.1)
    assert str(raised.value) == "router: nothing listens on udp 10.0.0.1:8000 after 0.1 s"


def test_a_service_is_stopped_and_started_again(lab: Lab) -> None:
    service = next(it for it in lab.services if (it.record.node, it.record.label) == ("rs2", "nginx"))
    service.stop()
    probe = ("curl", "-sS", "--max-time", "2", "http://10.0.0.12/")
    refused = lab.node("client").run(probe)
    with lab.node("rs2").start_service("nginx"):
        answered = lab.node("client").output_of(probe)
    assert (refused.returncode, answered) == (7, "rs2\n")
    lab.node("rs2").start_service("nginx")


def test_a_service_whose_port_is_taken_is_not_started(lab: Lab) -> None:
    with pytest.raises(LabError) as raised:
        lab.node("rs3").start_service("nginx")
    assert str(raised.value) == "rs3: nginx needs tcp 0.0.0.0:80, which is listened on already"


def test_a_service_that_cannot_listen_is_told_with_its_log(tmp_path: Path) -> None:
    topology = tmp_path / "stranger.toml"
    topology.write_text(STRANGER)
    name = f"t{os.getpid()}-stranger"
    with (
        Lab.up(str(topology), name, services=Services.LEAVE) as lab,
        pytest.raises(LabError) as raised,
    ):
        lab.node("rs1").start_service("web")
    said = str(raised.value)
    assert "ended before it listened on tcp 10.9.9.9:80" in said
    assert "Cannot assign requested address" in said


def test_an_unknown_service_is_told_together_with_the_known_ones(lab: Lab) -> None:
    with pytest.raises(LabError) as raised:
        lab.node("rs1").start_service("apache")
    assert str(raised.value) == "rs1: no service 'apache', expected one of nginx, dnsmasq"


def test_a_capture_holds_every_packet_from_its_start_to_its_stop(lab: Lab) -> None:
    client = lab.node("client")
    with lab.node("rs1").capture("lan", "icmp") as capture:
        client.output_of(("ping", "-c", "3", "-i", "0.01", "-s", "9", "10.0.0.11"))
    lines = client.output_of(("tcpdump", "-n", "-t", "-r", str(capture.path))).splitlines()
    requests = [line for line in lines if "198.51.100.10 > 10.0.0.11: ICMP echo request" in line]
    replies = [line for line in lines if "10.0.0.11 > 198.51.100.10: ICMP echo reply" in line]
    assert (len(requests), len(replies), len(lines)) == (3, 3, 6)


def test_a_capture_with_a_wrong_filter_is_told_with_tcpdumps_words(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"(?s)rs1: tcpdump does not listen on lan: .*syntax error"):
        lab.node("rs1").capture("lan", "tcp prot 80")


def test_a_node_knows_its_addresses(lab: Lab) -> None:
    assert lab.node("rs2").address("lan") == IPAddress("10.0.0.12")
    with pytest.raises(LabError, match="rs2: no interface 'wan' with an address"):
        lab.node("rs2").address("wan")
