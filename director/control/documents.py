# SPDX-License-Identifier: Apache-2.0
"""The JSON that callers send besides the configuration's own tables: partial edits and query parameters.

The field names are a contract with scripts: add to them, never rename.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from netaddr import IPNetwork
from pydantic import ConfigDict

from director.config.address import (
    A_NETWORK,
    A_SERVICE,
    AN_ENDPOINT,
    parse_filter,
    parse_integer,
    parse_network,
    parse_service_key,
)
from director.config.document import (
    DestinationDocument,
    Document,
    FlagsField,
    MethodField,
    SchedulerField,
    ServiceDocument,
    WeightField,
    Written,
    choice,
)
from director.model.connection import DEFAULT_LIMIT, ConnectionQuery, ConnectionState, Endpoint
from director.model.service import ForwardingMethod, Scheduler, ServiceKey

MAX_LIMIT = 100_000
MAX_CURSOR = 2**32 - 1  # places of the connection table are numbered in 32 bits


class Truth(Enum):
    """How a query parameter says yes or no."""

    TRUE = "true"
    FALSE = "false"


class Format(Enum):
    """How the configuration is written."""

    JSON = "json"
    TOML = "toml"


TruthField = Annotated[Truth, choice(Truth, "truth value")]
ServiceField = Annotated[ServiceKey | None, Written(parse_service_key, str, A_SERVICE, ())]


def number(lowest: int, highest: int) -> Written:
    """Make a parameter that takes the integers of a range."""
    schema = (("type", "integer"), ("minimum", lowest), ("maximum", highest))
    return Written(parse_integer(lowest, highest), str, f"an integer from {lowest} to {highest}", schema)


def _without_defaults(schema: dict[str, Any]) -> None:
    """Keep the schema from promising a default: what is left out means "as it is" or "any"."""
    for each in schema.get("properties", {}).values():
        each.pop("default", None)


class Partial(Document):
    """What may be left out field by field; `model_fields_set` says what was given."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class NoParameters(Partial):
    """A request without query parameters."""


class ServicePatch(Partial):
    """What to change about a service."""

    scheduler: SchedulerField = Scheduler.WLC
    flags: FlagsField = ()


class DestinationPatch(Partial):
    """What to change about a destination."""

    method: MethodField = ForwardingMethod.DR
    weight: WeightField = 1


class FormatParameters(Partial):
    """How to write the configuration."""

    format: Annotated[Format, choice(Format, "format")] = Format.JSON


class ApplyParameters(Partial):
    """Whether to put the configuration in force (false, the default) or only to say what would change."""

    dry_run: TruthField = Truth.FALSE


class ZeroParameters(Partial):
    """Which service's counters to zero; all if it is left out."""

    service: ServiceField = None


class StatusParameters(Partial):
    """To which service's destinations to show the next hops, to all if it is left out."""

    service: ServiceField = None


class StatsParameters(Partial):
    """Which service's numbers to show, all if it is left out; `destinations` false leaves theirs out."""

    service: ServiceField = None
    destinations: TruthField = Truth.TRUE


class StopParameters(Partial):
    """Whether forwarding goes on when the director has ended (false, the default: it ends as well)."""

    leave_running: TruthField = Truth.FALSE


class ConnectionParameters(Partial):
    """Which connections to list; `count` true answers with the total alone."""

    service: ServiceField = None
    destination: Annotated[
        Endpoint | None, Written(parse_filter, str, f"{AN_ENDPOINT}, or an address alone", ())
    ] = None
    client: Annotated[IPNetwork | None, Written(parse_network, str, A_NETWORK, ())] = None
    state: Annotated[ConnectionState | None, choice(ConnectionState, "connection state")] = None
    limit: Annotated[int, number(1, MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[int, number(0, MAX_CURSOR)] = 0
    count: TruthField = Truth.FALSE

    def to_query(self) -> ConnectionQuery:
        limit = 0 if self.count is Truth.TRUE else self.limit
        return ConnectionQuery(
            self.service, self.destination, self.client, self.state, limit=limit, cursor=self.cursor
        )


class ServiceList(Document):
    """All services, in the order they were added."""

    service: tuple[ServiceDocument, ...]


class DestinationList(Document):
    """All destinations of a service, in the order they were added."""

    destination: tuple[DestinationDocument, ...]
