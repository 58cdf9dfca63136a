# SPDX-License-Identifier: Apache-2.0
"""The one table of what the control API offers; the server and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from director.config.batch import EditsDocument
from director.config.document import (
    ConfigurationDocument,
    DestinationDocument,
    Document,
    MarkDocument,
    ServiceDocument,
    SyncHead,
    SysctlTable,
    TimeoutsTable,
)
from director.config.limits import MAX_TEXT
from director.control import handlers, syncing
from director.control.answers import (
    ChangesAnswer,
    ConnectionsAnswer,
    ReasonsAnswer,
    StatsAnswer,
    StatusAnswer,
    StopAnswer,
)
from director.control.documents import (
    ApplyParameters,
    ConnectionParameters,
    DestinationList,
    DestinationPatch,
    FormatParameters,
    MarkList,
    MarkParameters,
    NoParameters,
    Partial,
    ServiceList,
    ServicePatch,
    StatsParameters,
    StatusParameters,
    StopParameters,
    ZeroParameters,
)
from director.control.handlers import JSON, TOML, Api, Call, Reply

PLAIN = "text/plain"
SMALL_BODY = 2**20

Handler = Callable[[Api, Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One request: how it is asked, what it does, what it answers when all is well.

    `request` None: no body is read. `response` None: no model describes the answer. `accepts` and `answers`
    are media types.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    response: type[BaseModel] | None = None
    request: type[Document] | None = None
    parameters: type[Partial] = NoParameters
    status: int = 200
    refusals: tuple[int, ...] = ()
    accepts: tuple[str, ...] = (JSON,)
    answers: tuple[str, ...] = (JSON,)
    body_limit: int = SMALL_BODY


SERVICES = "/v1/services"
SERVICE = "/v1/services/{service}"
DESTINATIONS = "/v1/services/{service}/destinations"
DESTINATION = "/v1/services/{service}/destinations/{destination}"
SYNC = "/v1/sync/{role}"
OPENAPI = "/v1/openapi.json"

ROUTES = (
    Route("GET", SERVICES, "listServices", "List all services", handlers.list_services, ServiceList),
    Route(
        "POST", SERVICES, "addService", "Add a service, with its destinations if given",
        handlers.add_service, ChangesAnswer, ServiceDocument, status=201, refusals=(409,),
    ),
    Route(
        "GET", SERVICE, "getService", "Show a service",
        handlers.get_service, ServiceDocument, refusals=(404,),
    ),
    Route(
        "PATCH", SERVICE, "editService", "Change what is given about a service",
        handlers.edit_service, ChangesAnswer, ServicePatch, refusals=(404,),
    ),
    Route(
        "DELETE", SERVICE, "deleteService", "Delete a service and its destinations",
        handlers.delete_service, ChangesAnswer, refusals=(404,),
    ),
    Route(
        "GET", DESTINATIONS, "listDestinations", "List a service's destinations",
        handlers.list_destinations, DestinationList, refusals=(404,),
    ),
    Route(
        "POST", DESTINATIONS, "addDestination", "Add a destination to a service",
        handlers.add_destination, ChangesAnswer, DestinationDocument, status=201, refusals=(404, 409),
    ),
    Route(
        "PATCH", DESTINATION, "editDestination", "Change what is given about a destination",
        handlers.edit_destination, ChangesAnswer, DestinationPatch, refusals=(404,),
    ),
    Route(
        "DELETE", DESTINATION, "deleteDestination", "Delete a destination from a service",
        handlers.delete_destination, ChangesAnswer, refusals=(404,),
    ),
    Route("GET", "/v1/marks", "listMarks", "List the mark rules", handlers.list_marks, MarkList),
    Route(
        "POST", "/v1/marks", "addMark", "Add a mark rule after the others",
        handlers.add_mark, ChangesAnswer, MarkDocument, status=201, refusals=(409,),
    ),
    Route(
        "DELETE", "/v1/marks", "deleteMark", "Delete a mark rule",
        handlers.delete_mark, ChangesAnswer, parameters=MarkParameters, refusals=(404,),
    ),
    Route(
        "GET", "/v1/sysctl", "getSysctl", "Show the behaviour switches", handlers.get_sysctl, SysctlTable,
    ),
    Route(
        "PATCH", "/v1/sysctl", "editSysctl", "Change some of the behaviour switches",
        handlers.edit_sysctl, ChangesAnswer, SysctlTable,
    ),
    Route(
        "GET", "/v1/timeouts", "getTimeouts", "Show the idle times", handlers.get_timeouts, TimeoutsTable,
    ),
    Route(
        "PATCH", "/v1/timeouts", "editTimeouts", "Change some of the idle times",
        handlers.edit_timeouts, ChangesAnswer, TimeoutsTable,
    ),
    Route(
        "GET", "/v1/sync", "listSync", "Show the roles of synchronisation, and what came of them",
        syncing.list_sync, syncing.SyncListAnswer,
    ),
    Route(
        "PUT", SYNC, "putSync", "Begin to synchronise connections in a role, or go on otherwise",
        syncing.put_sync, ChangesAnswer, SyncHead,
    ),
    Route(
        "DELETE", SYNC, "deleteSync", "Give up a role", syncing.delete_sync, ChangesAnswer, refusals=(404,),
    ),
    Route(
        "POST", "/v1/edits", "applyEdits", "Do several edits as one transaction, or none of them",
        handlers.apply_edits, ChangesAnswer, EditsDocument, refusals=(404, 409), body_limit=MAX_TEXT,
    ),
    Route(
        "GET", "/v1/config", "getConfig", "Show the whole configuration, as JSON or TOML",
        handlers.get_config, ConfigurationDocument, parameters=FormatParameters, answers=(JSON, TOML),
    ),
    Route(
        "PUT", "/v1/config", "putConfig", "Replace the whole configuration as one transaction",
        handlers.put_config, ChangesAnswer, ConfigurationDocument, ApplyParameters,
        accepts=(JSON, TOML), body_limit=MAX_TEXT,
    ),
    Route(
        "GET", "/v1/connections", "listConnections", "List or count connections",
        handlers.list_connections, ConnectionsAnswer, parameters=ConnectionParameters,
    ),
    Route(
        "GET", "/v1/stats", "getStats", "Show counters and rates",
        handlers.get_stats, StatsAnswer, parameters=StatsParameters, refusals=(404,),
    ),
    Route(
        "POST", "/v1/stats/zero", "zeroStats", "Set the counters of one service, or of all, to 0",
        handlers.zero_stats, parameters=ZeroParameters, status=204, refusals=(404,),
    ),
    Route(
        "GET", "/v1/reasons", "getReasons", "Show why packets ended as they did",
        handlers.get_reasons, ReasonsAnswer,
    ),
    Route(
        "GET", "/v1/status", "getStatus", "Show the director's state",
        handlers.get_status, StatusAnswer, parameters=StatusParameters, refusals=(404,),
    ),
    Route(
        "POST", "/v1/stop", "stop", "Stop the director: cleanly, or with forwarding left on",
        handlers.stop, StopAnswer, parameters=StopParameters, status=202, refusals=(409,),
    ),
    Route(
        "GET", OPENAPI, "getOpenapi", "Show this description as an OpenAPI document",
        handlers.get_openapi,
    ),
    Route(
        "GET", "/metrics", "getMetrics", "Show all numbers in Prometheus's text format",
        handlers.get_metrics, answers=(PLAIN,),
    ),
)  # fmt: skip
