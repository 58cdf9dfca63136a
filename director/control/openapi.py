# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document of the control API, made from the table of routes and the models it names."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from director.config.address import A_SERVICE
from director.control.answers import ChangesAnswer, ErrorAnswer
from director.control.handlers import JSON
from director.control.routes import ROUTES, Route
from director.control.syncing import A_ROLE

API_VERSION = "1.0"
_SCHEMAS = "#/components/schemas/{model}"
_WORDS = {
    "role": A_ROLE,
    "service": A_SERVICE,
    "destination": "a destination such as 10.0.0.2:80; without a port it is the service's",
}

Json = dict[str, Any]
Key = tuple[type[BaseModel], Literal["validation", "serialization"]]


def document(routes: tuple[Route, ...] = ROUTES) -> Json:
    """Describe these routes."""
    references, definitions = models_json_schema(sorted(_models(routes), key=str), ref_template=_SCHEMAS)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "director control API",
            "version": API_VERSION,
            "description": "HTTP and JSON on the director's unix socket. Field names are stable.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _models(routes: tuple[Route, ...]) -> set[Key]:
    keys: set[Key] = {(ErrorAnswer, "serialization")}
    for route in routes:
        if route.request:
            keys.add((route.request, "validation"))
        if route.response:
            keys.add((route.response, "serialization"))
    return keys


def _operation(
    route: Route, references: Any
) -> Json:  # the mapping pydantic gives: (model, mode) to reference
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, references),
    }
    if route.request:
        schema = references[route.request, "validation"]
        content = {kind: {"schema": schema if kind == JSON else {"type": "string"}} for kind in route.accepts}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(route: Route) -> list[Json]:
    return [
        {
            "name": word,
            "in": "path",
            "required": True,
            "description": _WORDS[word],
            "schema": {"type": "string"},
        }
        for word in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameters(route: Route) -> list[Json]:
    fields = route.parameters.model_json_schema().get("properties", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": field} for name, field in fields.items()
    ]


def _responses(route: Route, references: Any) -> Json:
    schema = references[route.response, "serialization"] if route.response else {}
    content = {kind: {"schema": schema if kind == JSON else {"type": "string"}} for kind in route.answers}
    good: Json = {"description": _phrase(route.status)}
    if route.status != HTTPStatus.NO_CONTENT:
        good["content"] = content
    refused = {"schema": references[ErrorAnswer, "serialization"]}
    statuses = (400, *route.refusals, *((408, 413, 415) if route.request else ()))
    statuses += (500, 507) if route.response is ChangesAnswer else ()
    bad = {str(each): {"description": _phrase(each), "content": {JSON: refused}} for each in statuses}
    return {str(route.status): good, **bad}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
