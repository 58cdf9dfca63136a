# SPDX-License-Identifier: Apache-2.0
"""The client says in words why a request could not be done, and starts fast."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from director.config.errors import Fault
from director.control.client import (
    Client,
    ControlError,
    RefusedError,
    UnreachableError,
    destination_path,
    service_path,
    socket_path,
)
from tests.unit.control.running import DEADLINE, Running


def test_the_socket_is_the_one_given_then_the_environments_then_the_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DIRECTOR_SOCKET", raising=False)
    usual = socket_path()
    monkeypatch.setenv("DIRECTOR_SOCKET", "/run/lab/director.sock")
    assert (usual, socket_path(), socket_path(Path("/tmp/x"))) == (
        Path("/run/director/control.sock"),
        Path("/run/lab/director.sock"),
        Path("/tmp/x"),
    )


def test_names_are_escaped_in_paths() -> None:
    assert service_path("tcp:[2001:db8::1]:80") == "/v1/services/tcp:%5B2001:db8::1%5D:80"
    assert destination_path("a/b", "c?d") == "/v1/services/a%2Fb/destinations/c%3Fd"


def test_an_absent_director_is_named_by_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with pytest.raises(UnreachableError) as caught:
        Client(path).get("/v1/status")
    assert str(caught.value) == f"cannot reach the director at {path}: is `director run` running?"


def test_a_socket_that_a_killed_director_left_names_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with pytest.raises(UnreachableError) as caught:
        Client(path).get("/v1/status")
    assert str(caught.value) == (
        f"the director at {path} was killed; "
        "`director cleanup` or the next `director run` removes what it left"
    )


def left_behind(path: Path, state: dict[str, object]) -> None:
    """Leave what a director leaves that kept its tables."""
    path.with_name(f"{path.name}.tables").write_text("")
    path.with_name(f"{path.name}.state.json").write_text(json.dumps(state))


def told(path: Path) -> str:
    with pytest.raises(UnreachableError) as caught:
        Client(path).get("/v1/status")
    return str(caught.value)


@pytest.fixture
def ended() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return process.pid


GOES_ON = "the next `director run` takes it over, `director cleanup` ends it"


def test_after_a_kill_that_left_tables_forwarding_is_said_to_go_on(tmp_path: Path, ended: int) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    left_behind(path, {"pid": ended, "left": False})
    assert told(path) == f"the director at {path} was killed; forwarding goes on: {GOES_ON}"


def test_after_a_stop_that_left_forwarding_on_it_is_said_to_go_on(tmp_path: Path, ended: int) -> None:
    path = tmp_path / "control.sock"
    left_behind(path, {"pid": ended, "left": True})
    assert told(path) == f"the director at {path} was stopped and left forwarding on: {GOES_ON}"


@pytest.mark.parametrize(("verb", "is_seen"), [("run", True), ("status", False)])
def test_a_living_director_without_a_socket_is_said_to_start_or_end(
    tmp_path: Path, verb: str, *, is_seen: bool
) -> None:
    path = tmp_path / "control.sock"
    command = [sys.executable, "-c", "print(flush=True); input()", "director", verb]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:
        assert living.stdout is not None
        living.stdout.readline()
        path.with_name(f"{path.name}.state.json").write_text(json.dumps({"pid": living.pid, "left": False}))
        said = told(path)
        living.communicate(b"\n")
    starting = f"the director at {path} is starting or ending (process {living.pid}): ask again in a moment"
    absent = f"cannot reach the director at {path}: is `director run` running?"
    assert said == (starting if is_seen else absent)


def test_a_state_file_of_another_shape_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    for text in ("[]", "{", '{"pid": "x"}'):
        path.with_name(f"{path.name}.state.json").write_text(text)
        assert told(path) == f"cannot reach the director at {path}: is `director run` running?"


def test_what_is_no_socket_is_not_a_killed_director(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in (tmp_path, file, Path("/dev/null")):
        with pytest.raises(UnreachableError) as caught:
            Client(path).get("/v1/status")
        assert str(caught.value) == f"cannot reach the director at {path}: it is not a socket"


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(ControlError) as caught:
        socket_path(Path(path))
    assert str(caught.value) == (
        f'"{Path(path)}" names no socket; give a path such as /run/director/control.sock'
    )


def test_a_path_that_is_too_long_is_refused_with_the_limit() -> None:
    longest = Path("/" + "é" * 53)
    with pytest.raises(ControlError) as caught:
        socket_path(Path(f"{longest}x"))
    assert str(caught.value) == f"the socket path {longest}x has 108 bytes; at most 107 fit"
    assert socket_path(longest) == longest


def _served_once(path: Path, answer: bytes | None) -> threading.Thread:
    """Accept one caller, read what it asks, answer these bytes or, for None, wait until it gives up."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.settimeout(DEADLINE)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        with listening, listening.accept()[0] as caller:
            caller.settimeout(DEADLINE)
            caller.recv(65536)
            if answer is None:
                caller.recv(1)
            else:
                caller.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_silent_director_is_given_up_on(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    thread = _served_once(path, None)
    with pytest.raises(UnreachableError) as caught:
        Client(path, seconds=0.1).get("/v1/status")
    thread.join(DEADLINE)
    assert str(caught.value) == f"the director at {path} did not answer in 0.1 s"


def test_an_answer_that_is_not_ours_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    body = b"out of memory"
    answer = b"HTTP/1.1 500 Failed\r\nContent-Length: 13\r\nConnection: close\r\n\r\n" + body
    thread = _served_once(path, answer)
    with pytest.raises(RefusedError) as caught:
        Client(path).get("/v1/status")
    thread.join(DEADLINE)
    assert (caught.value.status, str(caught.value)) == (500, "the director answered 500: out of memory")


def test_a_director_that_speaks_no_http_is_unreachable(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    thread = _served_once(path, b"220 mail.example.net\r\n")
    with pytest.raises(UnreachableError):
        Client(path).get("/v1/status")
    thread.join(DEADLINE)


def test_a_refusal_carries_the_directors_faults(server: Running) -> None:
    with pytest.raises(RefusedError) as caught:
        server.client.delete(service_path("udp:192.0.2.7:53"))
    fault = Fault("", "udp:192.0.2.7:53", "a service that exists", "no such service: udp:192.0.2.7:53")
    assert (caught.value.status, caught.value.faults, str(caught.value)) == (404, (fault,), str(fault))


def test_the_client_loads_none_of_the_heavy_libraries() -> None:
    script = "import sys, director.control.client; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert {"pydantic", "aiohttp", "netaddr", "tomlkit"} & set(done.stdout.split()) == set()
