# SPDX-License-Identifier: Apache-2.0
"""The verbs, run as an operator runs them: scripts/lab in a process of its own."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import needs

pytestmark = [
    pytest.mark.lab,
    needs("root", "netns", "veth", "bridge", "nginx", "dnsmasq", "tcpdump", "curl"),
]
LAB = Path(__file__).resolve().parents[3] / "scripts" / "lab"
NAME = f"t{os.getpid()}-cli"


def _lab(*words: str) -> "subprocess.CompletedProcess[str]":
    verb, *rest = words
    command = (str(LAB), verb, "--name", NAME, *rest)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module", autouse=True)
def up() -> Iterator[None]:
    done = _lab("up", "one-arm-dr")
    yield
    ended, again = (_lab("down", "one-arm-dr") for _ in range(2))
    place = f"/run/netns-lab/{NAME}"
    assert done.stdout == f"lab {NAME} is up: 6 nodes, 6 services; its logs and captures: {place}\n"
    assert (ended.returncode, ended.stdout) == (0, f"lab {NAME} is down\n")
    assert (again.returncode, again.stdout) == (0, f"lab {NAME} was not up\n")
    assert not Path(place).exists()


def test_up_over_a_lab_that_is_up_is_refused_in_one_sentence() -> None:
    done = _lab("up", "one-arm-dr")
    command = f"scripts/lab down one-arm-dr --name {NAME}"
    assert (done.returncode, done.stderr) == (
        1,
        f"lab: lab {NAME} is up already; take it down with: {command}\n",
    )


def test_status_tells_a_machine_nodes_addresses_and_processes() -> None:
    status = json.loads(_lab("status", "one-arm-dr", "--json").stdout)
    director, rs1 = status["nodes"][2:4]
    assert (status["name"], status["topology"], status["state"]) == (NAME, "one-arm-dr", "up")
    assert [node["name"] for node in status["nodes"]] == ["client", "router", "director", "rs1", "rs2", "rs3"]
    assert director["interfaces"][1]["addresses"] == ["10.0.0.2/24"]
    assert director["routes"] == [{"destination": "default", "via": "10.0.0.1"}]
    assert [(it["label"], it["alive"]) for it in rs1["processes"]] == [("nginx", True), ("dnsmasq", True)]


def test_status_shows_a_person_the_same() -> None:
    table = _lab("status", "one-arm-dr").stdout
    row = next(line for line in table.splitlines() if "rs2" in line)
    assert re.fullmatch(
        r"│ rs2 +│ lan 10\.0\.0\.12/24 +│ default via 10\.0\.0\.1 +│ nginx \d+ +│", row.strip()
    )


def test_status_without_a_topology_lists_every_lab() -> None:
    done = subprocess.run((str(LAB), "status", "--json"), capture_output=True, text=True, check=True)
    states = {lab["name"]: lab["state"] for lab in json.loads(done.stdout)}
    assert states[NAME] == "up"


def test_exec_runs_a_command_in_a_node_and_ends_as_it_does() -> None:
    page = _lab("exec", "one-arm-dr", "client", "--", "curl", "-sS", "http://10.0.0.12/")
    failed = _lab("exec", "one-arm-dr", "client", "--", "sh", "-c", "exit 7")
    assert (page.stdout, page.returncode, failed.returncode) == ("rs2\n", 0, 7)


def test_exec_in_an_unknown_node_names_the_known_ones() -> None:
    done = _lab("exec", "one-arm-dr", "rs9", "--", "true")
    assert (done.returncode, done.stderr) == (
        1,
        "lab: topology one-arm-dr: no node 'rs9', expected one of client, router, director, rs1, rs2, rs3\n",
    )


def test_enter_opens_a_shell_whose_prompt_names_the_node() -> None:
    leader, follower = pty.openpty()
    command = (str(LAB), "enter", "--name", NAME, "one-arm-dr", "rs3")
    shell = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    os.write(leader, b"cat /sys/class/net/lan/address; exit\n")
    said = b""
    try:
        while chunk := os.read(leader, 4096):
            said += chunk
    except OSError:  # the terminal's other side is closed
        pass
    os.close(leader)
    assert shell.wait(timeout=10) == 0
    assert f"{NAME}:rs3# ".encode() in said
    assert re.search(rb"[\r\n]([0-9a-f]{2}:){5}[0-9a-f]{2}\r", said)


def test_capture_writes_what_passes_into_the_labs_captures() -> None:
    command = (str(LAB), "capture", "--name", NAME, "one-arm-dr", "rs1", "lan", "--", "tcp", "port", "80")
    tcpdump = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tcpdump.stderr is not None
    place = Path(tcpdump.stderr.readline().removeprefix("capturing to ").strip())
    while "listening on" not in tcpdump.stderr.readline():
        assert tcpdump.poll() is None
    _lab("exec", "one-arm-dr", "client", "--", "curl", "-sS", "http://10.0.0.11/")
    tcpdump.send_signal(signal.SIGINT)
    _, rest = tcpdump.communicate(timeout=10)
    read = subprocess.run(("tcpdump", "-n", "-r", str(place)), capture_output=True, text=True, check=True)
    assert place.parent == Path(f"/run/netns-lab/{NAME}/captures")
    assert "198.51.100.10" in read.stdout
    assert "10.0.0.11.80: Flags [S]" in read.stdout, rest


def test_a_termination_halfway_takes_the_lab_down() -> None:
    name = f"{NAME}-term"
    building = subprocess.Popen((str(LAB), "up", "mixed", "--name", name), stdout=subprocess.DEVNULL)
    namespace, deadline = Path(f"/run/netns/{name}-client"), time.monotonic() + 10
    while not namespace.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    building.terminate()
    status = building.wait(timeout=20)
    assert (status, namespace.exists(), Path(f"/run/netns-lab/{name}").exists()) == (143, False, False)
