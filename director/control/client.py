# SPDX-License-Identifier: Apache-2.0
"""A small synchronous client of the control API, for commands that must feel instant.

It imports nothing but the standard library and the faults' own words; it hands out the JSON as it came.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from director.config.errors import Fault

SOCKET_VARIABLE = "DIRECTOR_SOCKET"
DEFAULT_SOCKET = Path("/run/director/control.sock")
LONGEST_PATH = 107  # bytes; the kernel's 108 hold a NUL too
SECONDS = 30.0

ASK = "is `director run` running?"
REMOVES = "`director cleanup` or the next `director run` removes what it left"
GOES_ON = "the next `director run` takes it over, `director cleanup` ends it"

Json = Any  # plain JSON values, as the OpenAPI document describes them


class ControlError(Exception):
    """A request could not be done; the sentence is for the operator."""


class UnreachableError(ControlError):
    """No director answers at the socket."""


class RefusedError(ControlError):
    """The director refused the request and changed nothing; `faults` says why."""

    def __init__(self, status: int, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.status = status
        self.faults = faults


def socket_path(given: Path | None = None) -> Path:
    """Return the socket to talk to: the one given, else the environment's, else the usual one."""
    path = given or Path(os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)
    if not path.name:
        raise ControlError(f'"{path}" names no socket; give a path such as {DEFAULT_SOCKET}')
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        raise ControlError(f"the socket path {path} has {length} bytes; at most {LONGEST_PATH} fit")
    return path


def service_path(service: str) -> str:
    """Return the path of a service, named as in `tcp:192.0.2.1:80`."""
    return f"/v1/services/{quote(service, safe=':')}"


def destinations_path(service: str) -> str:
    """Return the path of a service's destinations."""
    return f"{service_path(service)}/destinations"


def destination_path(service: str, destination: str) -> str:
    """Return the path of a destination, named as in `10.0.0.2:80` or `10.0.0.2`."""
    return f"{destinations_path(service)}/{quote(destination, safe=':')}"


class Client:
    """Talks to the director at one socket; each call is one request on its own connection."""

    def __init__(self, path: Path | None = None, seconds: float = SECONDS) -> None:
        self.path = socket_path(path)
        self._seconds = seconds

    def get(self, path: str, **query: str) -> Json:
        return self._json("GET", path, query)

    def post(self, path: str, values: Json = None, **query: str) -> Json:
        return self._json("POST", path, query, values)

    def put(self, path: str, values: Json) -> Json:
        return self._json("PUT", path, {}, values)

    def patch(self, path: str, values: Json) -> Json:
        return self._json("PATCH", path, {}, values)

    def delete(self, path: str, **query: str) -> Json:
        return self._json("DELETE", path, query)

    def put_toml(self, path: str, text: str, **query: str) -> Json:
        """Send TOML as it is, so that the director's faults name the file's own lines and keys."""
        return json.loads(self._request("PUT", path, query, text.encode(), "application/toml"))

    def get_text(self, path: str, **query: str) -> str:
        """Ask for what is not JSON: the configuration as TOML, the metrics."""
        return self._request("GET", path, query).decode()

    def _json(self, method: str, path: str, query: Mapping[str, str], values: Json = None) -> Json:
        body = None if values is None else json.dumps(values).encode()
        answer = self._request(method, path, query, body, "application/json")
        return json.loads(answer) if answer else None

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        content_type: str = "",
    ) -> bytes:
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Content-Type": content_type} if body is not None else {}
        connection = _UnixConnection(self.path, self._seconds)
        try:
            with contextlib.suppress(BrokenPipeError):  # refused before all was sent: the answer says why
                connection.request(method, target, body, headers)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            raise UnreachableError(
                f"the director at {self.path} did not answer in {self._seconds:g} s"
            ) from None
        except PermissionError:
            raise UnreachableError(f"cannot reach the director at {self.path}: permission denied") from None
        except ConnectionRefusedError:  # a clean stop takes the socket away
            raise UnreachableError(_why_refused(self.path)) from None
        except FileNotFoundError:
            raise UnreachableError(_why_absent(self.path)) from None
        except (OSError, http.client.HTTPException):
            raise UnreachableError(f"cannot reach the director at {self.path}: {ASK}") from None
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise _refused(response.status, data)
        return data


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket; the host is only what the Host header says."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("director", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _why_refused(path: Path) -> str:
    """Word a refused connection, which the kernel gives for what is no socket as well."""
    if path.exists() and not path.is_socket():
        return f"cannot reach the director at {path}: it is not a socket"
    return _what_left(path) or f"the director at {path} was killed; {REMOVES}"


def _why_absent(path: Path) -> str:
    """Word that there is no socket: so too after a stop that left forwarding on."""
    return _what_left(path) or f"cannot reach the director at {path}: {ASK}"


def _what_left(path: Path) -> str:
    """Say what the files beside a socket tell where nobody answers; empty where they tell nothing of use."""
    state = _state(path)
    process = state.get("pid")
    if not state.get("left") and isinstance(process, int) and _is_director(process):
        return f"the director at {path} is starting or ending (process {process}): ask again in a moment"
    if not path.with_name(f"{path.name}.tables").exists():
        return ""
    if state.get("left"):
        return f"the director at {path} was stopped and left forwarding on: {GOES_ON}"
    return f"the director at {path} was killed; forwarding goes on: {GOES_ON}" if path.exists() else ""


def _state(path: Path) -> dict[str, Any]:
    """Read what a director notes beside its socket; nothing where it can not be read."""
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(path.with_name(f"{path.name}.state.json").read_text())
        return state if isinstance(state, dict) else {}
    return {}


def _is_director(process: int) -> bool:
    """Say whether this process lives and runs a director: a number may be somebody else's by now."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        return b"run" in words and any(b"director" in word for word in words)
    return False


def _refused(status: int, data: bytes) -> RefusedError:
    """Read the faults of a refusal; an answer of another shape is quoted."""
    try:
        faults = tuple(Fault(**each) for each in json.loads(data)["error"]["faults"])
    except (ValueError, KeyError, TypeError):
        text = data.decode(errors="replace").strip()[:200]
        faults = (Fault("", text, "", f"the director answered {status}: {text}"),)
    return RefusedError(status, faults)
