# SPDX-License-Identifier: Apache-2.0
"""The control API's server: aiohttp on the control socket, serving the table of routes.

It reads requests and words refusals; what a request means is in `handlers.py`. Whatever a caller sends ends
in an answer of 2xx or 4xx: a 5xx is a bug of ours or a failure of the machine.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from director.config.errors import ConfigError, Conflict, Fault, show
from director.config.load import document_from, json_values, toml_values
from director.control import openapi
from director.control.answers import ErrorAnswer
from director.control.documents import Partial
from director.control.handlers import JSON, TOML, Api, Call, Parts, Reply, Text
from director.control.listening import OWNER_ONLY, Listening, listen
from director.control.port import DirectorPort
from director.control.routes import ROUTES, Route

BODY_SECONDS = 10.0
STOP_SECONDS = 2.0
PART = 2**14  # bytes of a long answer that are written at once
LINGERING_SECONDS = 1.0  # for the rest of a body that was refused
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_CONFLICTS = {
    Conflict.NONE: HTTPStatus.BAD_REQUEST,
    Conflict.MISSING: HTTPStatus.NOT_FOUND,
    Conflict.EXISTS: HTTPStatus.CONFLICT,
}

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class EarlyRefusalError(Exception):
    """A request that is refused before its meaning is known."""

    def __init__(self, status: HTTPStatus, fault: Fault) -> None:
        super().__init__(fault.message)
        self.status = status
        self.fault = fault


class ControlServer:
    """The control API of one running director, from `start` to `stop`."""

    def __init__(
        self, port: DirectorPort, path: Path, mode: int = OWNER_ONLY, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._port = port
        self._path = path
        self._mode = mode
        self._body_seconds = body_seconds
        self._runner: web.AppRunner | None = None
        self._listening: Listening | None = None

    async def start(self) -> None:
        """Listen and serve; raise SocketError where the socket cannot be had."""
        self._listening = listen(self._path, self._mode)
        application = make_application(self._port, self._body_seconds)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_logger(),
            shutdown_timeout=STOP_SECONDS,
            lingering_time=LINGERING_SECONDS,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening.socket).start()

    async def stop(self) -> None:
        """Finish the answers under way, close, and remove the socket."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._listening is not None:
            self._listening.close()
        self._runner = self._listening = None


def _logger() -> logging.Logger:
    """Return a logger that leaves out what is not HTTP: aiohttp answers it with 400, and it is no event."""
    logger = logging.getLogger("director.control")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def make_application(port: DirectorPort, body_seconds: float = BODY_SECONDS) -> web.Application:
    """Make the application that serves every route of the table."""
    api = Api(port, json.dumps(openapi.document()).encode())
    application = web.Application(middlewares=[_refusals_in_words])
    for route in ROUTES:
        application.router.add_route(route.method, route.path, _served(route, api, body_seconds))
    return application


def _served(route: Route, api: Api, body_seconds: float) -> Serve:
    async def serve(request: web.Request) -> web.StreamResponse:
        values = await _values(route, request, body_seconds) if route.request else None
        call = Call(request.match_info, _parameters(route, request), values)
        reply = await route.handler(api, call)
        if isinstance(reply.body, Parts):
            return await _in_parts(route, request, reply.body)
        return _response(route, reply)

    return serve


async def _in_parts(route: Route, request: web.Request, parts: Parts) -> web.StreamResponse:
    """Answer piece by piece; an answer that fits one part goes out as any other does."""
    headers = {"Content-Type": parts.content_type}
    response, text = web.StreamResponse(status=route.status, headers=headers), ""
    async for piece in parts.pieces:
        text += piece
        if len(text) > PART:
            if not response.prepared:
                await response.prepare(request)
            await response.write(text.encode())
            await asyncio.sleep(0)  # a write that fits the socket's buffer gives nobody else a turn
            text = ""
    if not response.prepared:
        return web.Response(body=text.encode(), status=route.status, headers=headers)
    await response.write(text.encode())
    await response.write_eof()
    return response


def _response(route: Route, reply: Reply) -> web.Response:
    headers = {"Location": reply.location} if reply.location else {}
    if isinstance(reply.body, Text):
        headers["Content-Type"] = reply.body.content_type
        return web.Response(body=reply.body.data, status=route.status, headers=headers)
    if reply.body is None:
        return web.Response(status=route.status, headers=headers)
    assert not isinstance(reply.body, Parts)
    data = reply.body.model_dump_json().encode()
    return web.Response(body=data, status=route.status, headers=headers, content_type=JSON)


def _parameters(route: Route, request: web.Request) -> Partial:
    given: dict[str, object] = {}
    for key, value in request.query.items():
        if key in given:
            raise ConfigError([Fault(key, show(value), "each parameter once", "is given more than once")])
        given[key] = value
    return document_from(route.parameters, _without_surrogates(given))


def _without_surrogates(given: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse percent-escapes that are not UTF-8, which arrive as lone surrogates."""
    for key, value in given.items():
        if not _is_utf8(f"{key}={value}"):
            raise ConfigError([Fault("", show(f"{key}={value}"), "text in UTF-8", "the query is not UTF-8")])
    return given


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _values(route: Route, request: web.Request, seconds: float) -> object:
    """Read the body within its limits of kind, size and time, and decode it."""
    kind = request.content_type
    if kind not in route.accepts:
        expected = " or ".join(route.accepts)
        found = kind if "Content-Type" in request.headers else "nothing"
        message = f"{found} is not {expected}"
        raise EarlyRefusalError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Fault("Content-Type", found, expected, message)
        )
    try:
        async with asyncio.timeout(seconds):
            data = await _body(request, route.body_limit)
    except TimeoutError:
        fault = Fault(
            "", "part of the body", f"all of it within {seconds:g} s", "the body did not arrive in time"
        )
        raise EarlyRefusalError(HTTPStatus.REQUEST_TIMEOUT, fault) from None
    except web.RequestPayloadError:
        expected = "a body as its headers describe it"
        fault = Fault("", "another body", expected, f"the body cannot be read; expected {expected}")
        raise EarlyRefusalError(HTTPStatus.BAD_REQUEST, fault) from None
    return await asyncio.to_thread(toml_values if kind == TOML else json_values, data)  # up to seconds


async def _body(request: web.Request, limit: int) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit:
            message = f"the body is above {limit} bytes"
            fault = Fault("", f"more than {limit} bytes", f"at most {limit} bytes", message)
            raise EarlyRefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, fault)
    return bytes(data)


@web.middleware
async def _refusals_in_words(request: web.Request, handler: Serve) -> web.StreamResponse:
    """Turn every refusal, aiohttp's own among them, into the one shape of errors."""
    try:
        return await handler(request)
    except ConfigError as error:
        return _refused(_CONFLICTS[error.conflict], error.faults)
    except EarlyRefusalError as refusal:
        response = _refused(refusal.status, (refusal.fault,))
        response.force_close()
        return response
    except ConnectionError:  # the caller has gone
        raise
    except OSError as error:  # the machine's: what was in force then is in the sentence
        status = (
            HTTPStatus.INSUFFICIENT_STORAGE if error.errno in NO_ROOM else HTTPStatus.INTERNAL_SERVER_ERROR
        )
        return _refused(status, (Fault("", "", "", str(error)),))
    except web.HTTPNotFound:
        return _refused(HTTPStatus.NOT_FOUND, (_wrong("path", request.path, "a path of /v1/openapi.json"),))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = _refused(HTTPStatus.METHOD_NOT_ALLOWED, (_wrong("method", request.method, allowed),))
        response.headers["Allow"] = allowed
        return response


def _wrong(key: str, found: str, expected: str) -> Fault:
    return Fault(key, show(found), expected, f"{show(found)} is not {expected}")


def _refused(status: HTTPStatus, faults: tuple[Fault, ...]) -> web.Response:
    data = ErrorAnswer.of(faults).model_dump_json().encode()
    return web.Response(body=data, status=status, content_type=JSON)
