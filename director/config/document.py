# SPDX-License-Identifier: Apache-2.0
"""The shape of the configuration as it is written, in TOML and JSON alike: one pydantic model for each table.

A field's description is the phrase that follows "expected" when it is wrong. What must hold between fields is
in `rules.py`; how the pieces are put together, in `load.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from director.config import limits
from director.config.address import AN_ENDPOINT, parse_unicast, refusal
from director.config.errors import ConfigError, Fault, show
from director.model.configuration import Configuration, DatapathKind, Settings, Timeouts, Tunables
from director.model.connection import Endpoint
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

AN_INTERFACE = "an interface name of at most 15 characters"
_INTERFACE = re.compile(r"[^\s/:\x00-\x1f\x7f\ud800-\udfff]{1,15}")
_START = Settings()

EnumType = TypeVar("EnumType", bound=Enum)
Noun = TypeVar("Noun", Settings, Timeouts, Tunables)


@dataclass(frozen=True, slots=True)
class Written:
    """A field that is written as a string and read by one of our own functions, whose fault it keeps."""

    parse: Callable[[str], object]
    write: Callable[[Any], str]
    expected: str
    schema: tuple[tuple[str, object], ...]

    def read(self, value: object) -> object:
        try:
            if not isinstance(value, str):
                raise refusal(value, self.expected)
            return self.parse(value)
        except ConfigError as error:
            (fault,) = error.faults
            context = {"message": fault.message, "expected": fault.expected}
            raise PydanticCustomError("fault", "{message}", context) from None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(
            self.write, return_schema=core_schema.str_schema()
        )
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": self.expected, **dict(self.schema)}


def choice(enum: type[EnumType], noun: str) -> Written:
    """Make a field that takes one word of an enum."""
    words = [str(each.value) for each in enum]
    expected = f"one of {', '.join(words)}"

    def parse(text: str) -> EnumType:
        if text in words:
            return enum(text)
        near = difflib.get_close_matches(text[:64], words, n=1)
        hint = f"did you mean {show(near[0])}?" if near else f"expected {expected}"
        raise ConfigError([Fault("", show(text), expected, f"{show(text)} is not a {noun}; {hint}")])

    return Written(parse, lambda each: str(each.value), expected, (("enum", words),))


def integer(lowest: int, highest: int) -> FieldInfo:
    """Make a field that takes the integers of a range."""
    made: FieldInfo = Field(ge=lowest, le=highest, description=f"an integer from {lowest} to {highest}")
    return made


def is_interface(text: str) -> bool:
    """Say whether an interface can have this name."""
    named = _INTERFACE.fullmatch(text) is not None and text not in {".", ".."}
    return named and len(text.encode()) <= 15


def _interface(text: str) -> str:
    if not is_interface(text):
        raise refusal(text, AN_INTERFACE)
    return text


def _each_once(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that has a word twice."""
    for index, word in enumerate(words):
        if word in words[:index]:
            found = show(word.value if isinstance(word, Enum) else word)
            context = {"message": f"{found} is given more than once", "expected": "each only once"}
            raise PydanticCustomError("fault", "{message}", context)
    return words


EXAMPLES = ("examples", ["192.0.2.1:80", "[2001:db8::1]:80"])
LENGTHS = (("minLength", 1), ("maxLength", 15))

EndpointField = Annotated[Endpoint, Written(parse_unicast, str, AN_ENDPOINT, (EXAMPLES,))]
InterfaceField = Annotated[str, Written(_interface, str, AN_INTERFACE, LENGTHS)]
ProtocolField = Annotated[Protocol, choice(Protocol, "protocol")]
MethodField = Annotated[ForwardingMethod, choice(ForwardingMethod, "forwarding method")]
SchedulerField = Annotated[Scheduler, choice(Scheduler, "scheduler")]
FlagField = Annotated[SchedulerFlag, choice(SchedulerFlag, "scheduler flag")]
WeightField = Annotated[int, integer(0, limits.MAX_WEIGHT)]
# What is a list in the file becomes a tuple, which strict mode alone would refuse.
FlagsField = Annotated[
    tuple[FlagField, ...],
    Field(strict=False, description="a list of scheduler flags"),
    AfterValidator(_each_once),
]


class Document(BaseModel):
    """What all tables have in common: no unknown key, no silent conversion."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DirectorTable(Document):
    """What is fixed when the director starts."""

    datapath: Annotated[DatapathKind, choice(DatapathKind, "data path")] = _START.datapath
    interfaces: Annotated[
        tuple[InterfaceField, ...],
        Field(strict=False, description="a list of interface names"),
        AfterValidator(_each_once),
    ] = _START.interfaces
    workers: Annotated[int, integer(1, limits.MAX_WORKERS)] = _START.workers
    connections: Annotated[int, integer(1, limits.MAX_CONNECTIONS)] = _START.connections
    bind_vips: Annotated[bool, Field(description="true or false")] = _START.bind_vips


_SECONDS: dict[str, Any] = {
    each.name: (Annotated[int, integer(1, limits.MAX_TIMEOUT)], each.default) for each in fields(Timeouts)
}
TimeoutsTable = create_model(
    "TimeoutsTable",
    __base__=Document,
    __doc__="How long an idle connection entry lives in each state, in seconds.",
    **_SECONDS,
)


_SWITCH = (0, 1)
TUNABLE_RANGES: dict[str, tuple[int, int]] = {
    "conn_reuse_mode": (0, 3),
    "expire_nodest_conn": _SWITCH,
    "expire_quiescent_template": _SWITCH,
    "sloppy_tcp": _SWITCH,
    "sloppy_sctp": _SWITCH,
    "drop_entry": (0, 3),
    "drop_packet": (0, 3),
    "secure_tcp": (0, 3),
    "am_droprate": (1, 2**31 - 1),
    "amemthresh": (0, 2**31 - 1),
    "nat_icmp_send": _SWITCH,
    "pmtu_disc": _SWITCH,
    "schedule_icmp": _SWITCH,
    "lblc_expiration": (1, limits.MAX_TIMEOUT),
    "lblcr_expiration": (1, limits.MAX_TIMEOUT),
    "sync_version": (1, 1),
    "sync_threshold": (0, 2**31 - 1),
    "sync_period": (0, 2**31 - 1),
    "sync_refresh_period": (0, 2**31 - 1),
    "sync_retries": (0, 3),
    "sync_ports": (1, 1),
    "sync_persist_mode": _SWITCH,
    "sync_qlen_max": (0, 2**31 - 1),
    "sync_sock_size": (0, 2**31 - 1),
    "backup_only": _SWITCH,
    "icmp_msgs_per_sec": (0, limits.MAX_ICMP_PER_SECOND),
}
SysctlTable = create_model(
    "SysctlTable",
    __base__=Document,
    __doc__="Behaviour switches under the kernel's names.",
    **cast(
        "dict[str, Any]",
        {
            each.name: (Annotated[int, integer(*TUNABLE_RANGES[each.name])], each.default)
            for each in fields(Tunables)
        },
    ),
)


class DestinationDocument(Document):
    """A real server within a service."""

    address: EndpointField
    method: MethodField
    weight: WeightField = 1

    def to_noun(self) -> Destination:
        return Destination(self.address.address, self.address.port, self.method, self.weight)

    @classmethod
    def of(cls, noun: Destination) -> DestinationDocument:
        where = Endpoint(noun.address, noun.port)
        return cls.model_construct(address=where, method=noun.method, weight=noun.weight)


class ServiceHead(Document):
    """A service without its destinations."""

    protocol: ProtocolField
    address: EndpointField
    scheduler: SchedulerField = Scheduler.WLC
    flags: FlagsField = ()

    def to_noun(self, destinations: tuple[Destination, ...]) -> VirtualService:
        key = ServiceKey(self.protocol, self.address.address, self.address.port)
        return VirtualService(key, self.scheduler, frozenset(self.flags), destinations)


class ServiceDocument(ServiceHead):
    """A virtual service and its destinations, in the order they were added."""

    destination: Annotated[
        tuple[DestinationDocument, ...], Field(strict=False, description="a list of tables")
    ] = ()

    @classmethod
    def of(cls, noun: VirtualService) -> ServiceDocument:
        return cls.model_construct(
            protocol=noun.key.protocol,
            address=Endpoint(noun.key.address, noun.key.port),
            scheduler=noun.scheduler,
            flags=tuple(sorted(noun.flags, key=lambda flag: flag.value)),
            destination=tuple(map(DestinationDocument.of, noun.destinations)),
        )


class ConfigurationDocument(Document):
    """The whole configuration."""

    director: DirectorTable = DirectorTable()
    timeouts: TimeoutsTable = TimeoutsTable()
    sysctl: SysctlTable = SysctlTable()
    service: Annotated[tuple[ServiceDocument, ...], Field(strict=False, description="a list of tables")] = ()

    @classmethod
    def of(cls, noun: Configuration) -> ConfigurationDocument:
        return cls.model_construct(
            director=DirectorTable.model_construct(**values(noun.settings)),
            timeouts=cast("Any", TimeoutsTable).model_construct(**values(noun.timeouts)),
            sysctl=cast("Any", SysctlTable).model_construct(**values(noun.tunables)),
            service=tuple(map(ServiceDocument.of, noun.services)),
        )


def expectation(field: FieldInfo) -> str:
    """Return the phrase that follows "expected" for a field of any of these models."""
    written = (each.expected for each in field.metadata if isinstance(each, Written))
    return next(written, field.description or "another value")


def values(noun: Settings | Timeouts | Tunables) -> dict[str, Any]:
    """Return a flat noun's fields by name."""
    return {each.name: getattr(noun, each.name) for each in fields(noun)}


def noun_of(kind: type[Noun], table: Document) -> Noun:
    """Turn a table into the noun whose field names it shares."""
    return kind(**{each.name: getattr(table, each.name) for each in fields(kind)})
