# SPDX-License-Identifier: Apache-2.0
"""The JSON that the director answers with, each made from its noun by `of`.

The field names are a contract with scripts: add to them, never rename. What there may be a hundred thousand
of is made without pydantic's checks, which its nouns need no more. Addresses are strings, endpoints
`10.0.0.2:80`, MACs `02:00:00:00:00:01`, times ISO 8601; durations are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from netaddr import EUI, mac_unix_expanded
from pydantic import BaseModel, ConfigDict, Field

from director.config.diff import Change, SettingChanged
from director.config.errors import Fault
from director.model.configuration import DatapathKind
from director.model.connection import ConnectionEntry, ConnectionState
from director.model.counters import (
    Counters,
    DestinationStats,
    DirectorStatus,
    InterfaceStatus,
    Keeping,
    NextHopState,
    NextHopStatus,
    Rates,
    ReasonCount,
    ServiceStats,
    ServiceTotals,
    TableStatus,
    Verdict,
)
from director.model.service import ForwardingMethod


def _word(enum: type[Enum]) -> Any:  # a FieldInfo, which pydantic itself declares as Any
    return Field(json_schema_extra={"enum": [each.value for each in enum]})


MethodWord = Annotated[str, _word(ForwardingMethod)]


class Answer(BaseModel):
    """What all answers have in common: a caller can rely on every field being there, and on no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class FaultAnswer(Answer):
    """One mistake: where, what was found, what was expected, and the sentence that says so."""

    key: str
    found: str
    expected: str
    message: str

    @classmethod
    def of(cls, noun: Fault) -> FaultAnswer:
        return cls(key=noun.key, found=noun.found, expected=noun.expected, message=noun.message)


class Faults(Answer):
    faults: tuple[FaultAnswer, ...]


class ErrorAnswer(Answer):
    """Why a request was refused; nothing was changed. With a status of 5xx: what the machine did not do."""

    error: Faults

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> ErrorAnswer:
        return cls(error=Faults(faults=tuple(map(FaultAnswer.of, faults))))


class ChangeAnswer(Answer):
    """One change: its kind, such as `destination-added`, and the line that shows it to people."""

    kind: str
    text: str
    needs_restart: bool

    @classmethod
    def of(cls, noun: Change) -> ChangeAnswer:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(noun).__name__).lower()
        waits = isinstance(noun, SettingChanged) and noun.needs_restart
        return cls(kind=kind, text=str(noun), needs_restart=waits)


class ChangesAnswer(Answer):
    """What changed, or would change."""

    changes: tuple[ChangeAnswer, ...]

    @classmethod
    def of(cls, nouns: Iterable[Change]) -> ChangesAnswer:
        return cls(changes=tuple(map(ChangeAnswer.of, nouns)))


class ConnectionAnswer(Answer):
    protocol: str
    client: str
    virtual: str
    destination: str
    method: MethodWord
    state: Annotated[str, _word(ConnectionState)]
    expires_in: float
    packets: int
    template: bool

    @classmethod
    def of(cls, noun: ConnectionEntry) -> ConnectionAnswer:
        return cls.model_construct(
            protocol=noun.protocol.value if noun.protocol is not None else "ip",
            client=str(noun.client),
            virtual=str(noun.virtual),
            destination=str(noun.destination),
            method=noun.method.value,
            state=noun.state.value,
            expires_in=noun.expires_in,
            packets=noun.packets,
            template=noun.template,
        )


class ConnectionsAnswer(Answer):
    """Some of the connections asked for; `next_cursor` is null on the last page."""

    connections: tuple[ConnectionAnswer, ...] = ()
    total: int
    next_cursor: int | None


class CountersAnswer(Answer):
    connections: int
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int


class RatesAnswer(Answer):
    connections: float
    packets_in: float
    bytes_in: float
    packets_out: float
    bytes_out: float


class DestinationStatsAnswer(Answer):
    destination: str
    method: MethodWord
    weight: int
    active: int
    inactive: int
    persistent: int
    counters: CountersAnswer
    rates: RatesAnswer

    @classmethod
    def of(cls, noun: DestinationStats) -> DestinationStatsAnswer:
        return cls.model_construct(
            destination=noun.destination.endpoint,
            method=noun.destination.method.value,
            weight=noun.destination.weight,
            active=noun.active,
            inactive=noun.inactive,
            persistent=noun.persistent,
            counters=_counters(noun.counters),
            rates=_rates(noun.rates),
        )


class ServiceStatsAnswer(Answer):
    service: str
    active: int
    inactive: int
    counters: CountersAnswer
    rates: RatesAnswer
    destinations: tuple[DestinationStatsAnswer, ...]

    @classmethod
    def of(cls, noun: ServiceStats | ServiceTotals) -> ServiceStatsAnswer:
        below = noun.destinations if isinstance(noun, ServiceStats) else ()
        return cls.model_construct(
            service=str(noun.service),
            active=noun.active,
            inactive=noun.inactive,
            counters=_counters(noun.counters),
            rates=_rates(noun.rates),
            destinations=tuple(map(DestinationStatsAnswer.of, below)),
        )


class StatsAnswer(Answer):
    """Counters since the start or the last zeroing, and rates per second."""

    services: tuple[ServiceStatsAnswer, ...] = ()


class ReasonAnswer(Answer):
    verdict: Annotated[str, _word(Verdict)]
    reason: str
    sentence: str
    count: int

    @classmethod
    def of(cls, noun: ReasonCount) -> ReasonAnswer:
        return cls(verdict=noun.verdict.value, reason=noun.reason, sentence=noun.sentence, count=noun.count)


class ReasonsAnswer(Answer):
    """Why packets ended as they did."""

    reasons: tuple[ReasonAnswer, ...]

    @classmethod
    def of(cls, nouns: Iterable[ReasonCount]) -> ReasonsAnswer:
        return cls(reasons=tuple(map(ReasonAnswer.of, nouns)))


class InterfaceAnswer(Answer):
    name: str
    datapath: Annotated[str, _word(DatapathKind)]
    why: str
    mac: str | None
    mtu: int

    @classmethod
    def of(cls, noun: InterfaceStatus) -> InterfaceAnswer:
        return cls(
            name=noun.name, datapath=noun.datapath.value, why=noun.why, mac=_mac(noun.mac), mtu=noun.mtu
        )


class NextHopAnswer(Answer):
    destination: str
    state: Annotated[str, _word(NextHopState)]
    interface: str | None
    via: str | None
    mac: str | None

    @classmethod
    def of(cls, noun: NextHopStatus) -> NextHopAnswer:
        return cls.model_construct(
            destination=str(noun.destination),
            state=noun.state.value,
            interface=noun.interface,
            via=None if noun.via is None else str(noun.via),
            mac=_mac(noun.mac),
        )


class TableAnswer(Answer):
    """The connection table: `templates` of the entries in use are no connections."""

    capacity: int
    used: int
    templates: int

    @classmethod
    def of(cls, noun: TableStatus) -> TableAnswer:
        return cls(capacity=noun.capacity, used=noun.used, templates=noun.templates)


class KeepingAnswer(Answer):
    """Whether connections outlive the director's process: `kept` by these pins, else `why_not`."""

    since: datetime
    taken_over: bool
    kept: str | None
    why_not: str

    @classmethod
    def of(cls, noun: Keeping) -> KeepingAnswer:
        return cls(since=noun.since, taken_over=noun.taken_over, kept=noun.kept, why_not=noun.why_not)


class StatusAnswer(Answer):
    """The director as a whole."""

    version: str
    pid: int
    started: datetime
    uptime: float
    interfaces: tuple[InterfaceAnswer, ...]
    workers: int
    table: TableAnswer
    keeping: KeepingAnswer
    generation: int
    frames_lost: int
    next_hops: tuple[NextHopAnswer, ...] = ()
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, noun: DirectorStatus) -> StatusAnswer:
        return cls(
            version=noun.version,
            pid=noun.pid,
            started=noun.started,
            uptime=noun.uptime,
            interfaces=tuple(map(InterfaceAnswer.of, noun.interfaces)),
            workers=noun.workers,
            table=TableAnswer.of(noun.table),
            keeping=KeepingAnswer.of(noun.keeping),
            generation=noun.generation,
            frames_lost=noun.frames_lost,
            addresses=tuple(map(str, noun.addresses)),
        )


class StopAnswer(Answer):
    """The director has begun to stop."""

    stopping: bool


def _counters(noun: Counters) -> CountersAnswer:
    return CountersAnswer.model_construct(
        connections=noun.connections,
        packets_in=noun.packets_in,
        bytes_in=noun.bytes_in,
        packets_out=noun.packets_out,
        bytes_out=noun.bytes_out,
    )


def _rates(noun: Rates) -> RatesAnswer:
    return RatesAnswer.model_construct(
        connections=noun.connections,
        packets_in=noun.packets_in,
        bytes_in=noun.bytes_in,
        packets_out=noun.packets_out,
        bytes_out=noun.bytes_out,
    )


def _mac(mac: EUI | None) -> str | None:
    return None if mac is None else mac.format(mac_unix_expanded)
