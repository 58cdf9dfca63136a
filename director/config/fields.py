# SPDX-License-Identifier: Apache-2.0
"""Single fields of the configuration's documents: how each is read, written and described.

A field's description is the phrase that follows "expected" when it is wrong. Which fields a table has is
`document.py`'s matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar

from netaddr import IPAddress, IPNetwork
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from director.config import limits
from director.config.address import (
    A_GROUP,
    A_MASK,
    A_NETWORK,
    AN_ENDPOINT,
    PORTS,
    parse_group,
    parse_mask,
    parse_network,
    parse_ports,
    parse_server,
    parse_unicast,
    refusal,
    write_mask,
    write_ports,
)
from director.config.errors import ConfigError, Fault, show
from director.model.connection import Endpoint
from director.model.service import (
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    TunnelChecksum,
    TunnelType,
)
from director.model.sync import SyncRole

ANY = "any"
AN_INTERFACE = "an interface name of at most 15 characters"
_INTERFACE = re.compile(r"[^\s/:\x00-\x1f\x7f\ud800-\udfff]{1,15}")

EnumType = TypeVar("EnumType", bound=Enum)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A field that is written as a string and read by one of our own functions, whose fault it keeps."""

    parse: Callable[[str], object]
    write: Callable[[Any], str | None]
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
            self.write, return_schema=core_schema.nullable_schema(core_schema.str_schema())
        )
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": self.expected, **dict(self.schema)}


class Family(Enum):
    """An address family, as it is written."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def version(self) -> int:
        return 6 if self is Family.IPV6 else 4


class _LeftOut(Written):
    """A field that may be left out: null says so as well, since that is how it is then written."""

    __slots__ = ()

    def read(self, value: object) -> object:
        return None if value is None else super().read(value)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        text = super().__get_pydantic_json_schema__(schema, handler)
        if "enum" in text:
            text["enum"] = [*text["enum"], None]
        return {**text, "type": ["string", "null"]}


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


def _or_any(word: Written) -> Written:
    """Let a field also take "any", which stands for None."""
    return Written(
        lambda text: None if text == ANY else word.parse(text),
        lambda value: ANY if value is None else word.write(value),
        f"{word.expected}, {ANY}",
        tuple((name, [*words, ANY]) for name, words in word.schema if isinstance(words, list)),
    )


def _or_left_out(word: Written) -> Written:
    """Let a field be left out; None is written as null."""
    return _LeftOut(
        word.parse, lambda value: None if value is None else word.write(value), word.expected, word.schema
    )


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


def each_once(words: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that has a word twice."""
    for index, word in enumerate(words):
        if word in words[:index]:
            found = show(word.value if isinstance(word, Enum) else word)
            context = {"message": f"{found} is given more than once", "expected": "each only once"}
            raise PydanticCustomError("fault", "{message}", context)
    return words


EXAMPLES = ("examples", ["192.0.2.1:80", "[2001:db8::1]:80"])
LENGTHS = (("minLength", 1), ("maxLength", 15))

EndpointField = Annotated[Endpoint, Written(parse_server, str, AN_ENDPOINT, (EXAMPLES,))]
InterfaceField = Annotated[str, Written(_interface, str, AN_INTERFACE, LENGTHS)]
MethodField = Annotated[ForwardingMethod, choice(ForwardingMethod, "forwarding method")]
SchedulerField = Annotated[Scheduler, choice(Scheduler, "scheduler")]
FlagField = Annotated[SchedulerFlag, choice(SchedulerFlag, "scheduler flag")]
WeightField = Annotated[int, integer(0, limits.MAX_WEIGHT)]
# What is a list in the file becomes a tuple, which strict mode alone would refuse.
FlagsField = Annotated[
    tuple[FlagField, ...],
    Field(strict=False, description="a list of scheduler flags"),
    AfterValidator(each_once),
]
NetworkField = Annotated[IPNetwork, Written(parse_network, str, A_NETWORK, ())]
PortsField = Annotated[tuple[int, int], Written(parse_ports, write_ports, PORTS, ())]
MaskField = Annotated[IPAddress | int | None, Written(parse_mask, write_mask, A_MASK, ())]
FamilyField = Annotated[Family, choice(Family, "family")]
OptionalProtocolField = Annotated[Protocol | None, _or_left_out(choice(Protocol, "protocol"))]
OptionalEndpointField = Annotated[
    Endpoint | None, _or_left_out(Written(parse_unicast, str, AN_ENDPOINT, (EXAMPLES,)))
]
AnyProtocolField = Annotated[Protocol | None, _or_any(choice(Protocol, "protocol"))]
TunnelField = Annotated[TunnelType, choice(TunnelType, "type of tunnel")]
ChecksumField = Annotated[TunnelChecksum, choice(TunnelChecksum, "tunnel checksum")]
PortField = Annotated[int, integer(0, limits.MAX_PORT)]
CountField = Annotated[int, integer(0, limits.MAX_COUNT)]
SecondsField = Annotated[int, integer(0, limits.MAX_TIMEOUT)]
MarkField = Annotated[int, integer(1, limits.MAX_MARK)]
GroupField = Annotated[IPAddress, Written(parse_group, str, A_GROUP, ())]
RoleField = Annotated[SyncRole, choice(SyncRole, "role")]
