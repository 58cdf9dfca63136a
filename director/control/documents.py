# SPDX-License-Identifier: Apache-2.0
"""The JSON that callers send besides the configuration's own tables: partial edits and query parameters.

The field names are a contract with scripts: add to them, never rename.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from netaddr import IPNetwork
from pydantic import ConfigDict, Field

from director.config.address import (
    A_NETWORK,
    A_SERVICE,
    AN_ENDPOINT,
    ANY_PORT,
    parse_filter,
    parse_integer,
    parse_network,
    parse_service_key,
)
from director.config.document import DestinationDocument, Document, MarkDocument, ServiceDocument
from director.config.fields import (
    AnyProtocolField,
    ChecksumField,
    CountField,
    FlagsField,
    MaskField,
    MethodField,
    PortField,
    PortsField,
    SchedulerField,
    SecondsField,
    TunnelField,
    WeightField,
    Written,
    choice,
)
from director.config.limits import MAX_MARK
from director.model.connection import DEFAULT_LIMIT, ConnectionQuery, ConnectionState, Endpoint
from director.model.service import (
    ForwardingMethod,
    MarkRule,
    Scheduler,
    ServiceKey,
    TunnelChecksum,
    TunnelType,
)

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
    persistence: SecondsField = 0
    persistence_mask: MaskField = None
    one_packet: Annotated[bool, Field(description="true or false")] = False
    timeouts: dict[str, int] = Field(default_factory=dict, description="a table of idle times in seconds")


class DestinationPatch(Partial):
    """What to change about a destination."""

    method: MethodField = ForwardingMethod.DR
    weight: WeightField = 1
    upper: CountField = 0
    lower: CountField = 0
    tunnel: TunnelField = TunnelType.IPIP
    tunnel_port: PortField = 0
    tunnel_checksum: ChecksumField = TunnelChecksum.NONE


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
    """Which connections to list, and `templates` if true; `count` true answers with the total alone."""

    service: ServiceField = None
    destination: Annotated[
        Endpoint | None, Written(parse_filter, str, f"{AN_ENDPOINT}, or an address alone", ())
    ] = None
    client: Annotated[IPNetwork | None, Written(parse_network, str, A_NETWORK, ())] = None
    state: Annotated[ConnectionState | None, choice(ConnectionState, "connection state")] = None
    limit: Annotated[int, number(1, MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[int, number(0, MAX_CURSOR)] = 0
    count: TruthField = Truth.FALSE
    templates: TruthField = Truth.FALSE

    def to_query(self) -> ConnectionQuery:
        limit = 0 if self.count is Truth.TRUE else self.limit
        return ConnectionQuery(
            self.service,
            self.destination,
            self.client,
            self.state,
            limit=limit,
            cursor=self.cursor,
            templates=self.templates is Truth.TRUE,
        )


class MarkParameters(Partial):
    """Which mark rule to delete."""

    mark: Annotated[int, number(1, MAX_MARK)]
    network: Annotated[IPNetwork, Written(parse_network, str, A_NETWORK, ())]
    protocol: AnyProtocolField = None
    ports: PortsField = ANY_PORT

    def to_noun(self) -> MarkRule:
        return MarkRule(self.mark, self.network, self.protocol, *self.ports)


class MarkList(Document):
    """All mark rules, in the order in which they are asked."""

    mark: tuple[MarkDocument, ...]


class ServiceList(Document):
    """All services, in the order they were added."""

    service: tuple[ServiceDocument, ...]


class DestinationList(Document):
    """All destinations of a service, in the order they were added."""

    destination: tuple[DestinationDocument, ...]
